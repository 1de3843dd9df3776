#include "actors/io/log_reader.hpp"

#include <fstream>

namespace aeo::io {

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

std::string read_part(const std::string& file, std::uint64_t& offset, std::size_t limit,
                      bool complete, const core::secret_mask& mask) {
  std::ifstream in{file, std::ios::binary};
  if (!in)
    return {};
  in.seekg(static_cast<std::streamoff>(offset));
  std::string text(limit, '\0');
  in.read(text.data(), static_cast<std::streamsize>(limit));
  text.resize(static_cast<std::size_t>(in.gcount()));
  const auto at_end = text.size() < limit;
  if (const auto line = text.rfind('\n'); line != std::string::npos && !(at_end && complete))
    text.resize(line + 1);
  else if (at_end && !complete)
    text.clear();
  offset += text.size();
  return mask.mask(text);
}

} // namespace aeo::io
