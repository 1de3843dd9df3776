#include "tools/consolidate/output_digest.hpp"

#include "tools/consolidate/digest.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

namespace fs = std::filesystem;

namespace {

std::string regular_file_digest(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in)
    return {};
  digest sum("sha256");
  std::string buffer(1 << 16, '\0');
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0)
    sum.add({buffer.data(), static_cast<std::size_t>(in.gcount())});
  return in.bad() ? std::string{} : sum.hex();
}

/// The length (8 bytes, little endian), then the bytes.
void add_field(digest& sum, std::string_view bytes) {
  std::string length;
  for (std::uint64_t n = bytes.size(); length.size() < 8; n >>= 8)
    length += static_cast<char>(n & 0xff);
  sum.add(length);
  sum.add(bytes);
}

/// Path, kind and (of a file) digest or (of a link) target of everything in it, sorted by path.
std::string folder_digest(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error))
    entries.push_back(at->path().lexically_relative(folder));
  if (error)
    return {};
  std::sort(entries.begin(), entries.end());
  digest sum("sha256");
  for (const auto& entry : entries) {
    const auto status = fs::symlink_status(folder / entry, error);
    add_field(sum, entry.native());
    if (fs::is_regular_file(status)) {
      const auto content = regular_file_digest(folder / entry);
      if (content.empty())
        return {};
      add_field(sum, "file");
      add_field(sum, content);
    } else if (fs::is_symlink(status)) {
      add_field(sum, "link");
      add_field(sum, fs::read_symlink(folder / entry, error).native());
    } else {
      add_field(sum, fs::is_directory(status) ? "folder" : "other");
    }
  }
  return sum.hex();
}

} // namespace

std::string output_digest(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error) ? folder_digest(path) : regular_file_digest(path);
}

} // namespace aeo::consolidate
