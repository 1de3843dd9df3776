#include "tools/node/log_reader.hpp"

#include <fstream>

namespace aeo::node {

std::string read_tail(const std::string& file, const core::secret_mask& mask) {
  constexpr std::streamoff limit = 64 * 1024;
  std::ifstream in{file, std::ios::binary | std::ios::ate};
  if (!in)
    return {};
  auto size = static_cast<std::streamoff>(in.tellg());
  auto length = std::min(size, limit);
  std::string text(static_cast<std::size_t>(length), '\0');
  in.seekg(size - length);
  in.read(text.data(), length);
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (size > limit) {
    // The first line is cut; a secret cut in two would not be recognised.
    auto line = text.find('\n');
    text.erase(0, line == std::string::npos ? 0 : line + 1);
  }
  return mask.mask(text);
}

} // namespace aeo::node
