#include "actors/io/checkout.hpp"

#include <algorithm>
#include <fstream>
#include <string_view>
#include <system_error>

namespace aeo::io {

namespace fs = std::filesystem;

namespace {

std::string trimmed(std::string text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == text.npos)
    return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::string first_line(const fs::path& file) {
  std::ifstream in{file};
  std::string line;
  std::getline(in, line);
  return trimmed(std::move(line));
}

bool is_object_name(std::string_view text) {
  return (text.size() == 40 || text.size() == 64)
         && text.find_first_not_of("0123456789abcdef") == text.npos;
}

/// The folder that `.git` is, or that the file `.git` of a linked work tree points to.
fs::path git_folder(fs::path folder) {
  std::error_code error;
  for (;; folder = folder.parent_path()) {
    auto here = folder / ".git";
    if (fs::is_directory(here, error))
      return here;
    if (const auto line = first_line(here); line.starts_with("gitdir: "))
      return folder / line.substr(8);
    if (folder == folder.parent_path())
      return {};
  }
}

/// Where the refs and the configuration of all work trees are.
fs::path common_folder(const fs::path& git) {
  const auto line = first_line(git / "commondir");
  return line.empty() ? git : git / line;
}

std::string packed_ref(const fs::path& common, const std::string& name) {
  std::ifstream in{common / "packed-refs"};
  for (std::string line; std::getline(in, line);)
    if (line.ends_with(" " + name))
      return line.substr(0, line.find(' '));
  return {};
}

std::string head_of(const fs::path& git, const fs::path& common) {
  auto head = first_line(git / "HEAD");
  for (int links = 0; head.starts_with("ref: ") && links < 5; ++links) {
    const auto name = head.substr(5);
    head = first_line(git / name);
    if (head.empty())
      head = first_line(common / name);
    if (head.empty())
      head = packed_ref(common, name);
  }
  return is_object_name(head) ? head : std::string{};
}

std::string origin_of(const fs::path& common) {
  std::ifstream in{common / "config"};
  auto inside = false;
  for (std::string line; std::getline(in, line);) {
    line = trimmed(std::move(line));
    if (line.starts_with('['))
      inside = line == R"([remote "origin"])";
    else if (const auto equals = line.find('=');
             inside && equals != line.npos && trimmed(line.substr(0, equals)) == "url")
      return trimmed(line.substr(equals + 1));
  }
  return {};
}

} // namespace

std::optional<checkout> read_checkout(fs::path folder) {
  const auto git = git_folder(std::move(folder));
  if (git.empty())
    return std::nullopt;
  const auto common = common_folder(git);
  checkout result{head_of(git, common), origin_of(common)};
  if (result.sha.empty() || result.remote.empty())
    return std::nullopt;
  return result;
}

} // namespace aeo::io
