#include "tools/consolidate/link_check.hpp"

#include "tools/consolidate/paths.hpp"

#include <cctype>

namespace aeo::consolidate {

namespace {

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool encoded = text[i] == '%' && i + 2 < text.size()
                         && std::isxdigit(static_cast<unsigned char>(text[i + 1])) != 0
                         && std::isxdigit(static_cast<unsigned char>(text[i + 2])) != 0;
    if (encoded) {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool has_scheme(std::string_view target) {
  const auto colon = target.find(':');
  if (target.starts_with("//"))
    return true;
  if (colon == std::string_view::npos || colon == 0
      || std::isalpha(static_cast<unsigned char>(target[0])) == 0)
    return false;
  for (const char c : target.substr(0, colon)) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '+' && c != '.' && c != '-')
      return false;
  }
  return true;
}

/// `directory` and `relative` as one path without "." and ".."; nothing if it leads out.
std::optional<std::string> resolved(std::string_view directory, std::string_view relative) {
  std::vector<std::string_view> parts;
  const auto joined = join_path(directory, relative);
  for (const auto part : split(joined, '/')) {
    if (part.empty() || part == ".")
      continue;
    if (part != "..") {
      parts.push_back(part);
      continue;
    }
    if (parts.empty())
      return std::nullopt;
    parts.pop_back();
  }
  std::string path;
  for (const auto part : parts)
    path = join_path(path, part);
  return path;
}

} // namespace

bool is_markdown(std::string_view path) {
  const auto name = lower(base_name(path));
  return name.ends_with(".md") || name.ends_with(".markdown");
}

void link_tree::add(const std::string& path) {
  files_.insert(path);
  for (auto directory = dir_name(path); !directory.empty(); directory = dir_name(directory)) {
    if (!directories_.emplace(directory).second)
      break;
  }
}

const markdown_document& link_tree::document(const std::string& path) {
  const auto known = documents_.find(path);
  if (known != documents_.end())
    return known->second;
  return documents_.emplace(path, parse_markdown(read_(path).value_or(""))).first->second;
}

link_verdict check_link(link_tree& tree, const std::string& from, const std::string& target,
                        const std::string& top) {
  if (target.empty())
    return {link_state::broken, "the link has no target"};
  if (has_scheme(target))
    return {link_state::external, ""};
  const auto hash = target.find('#');
  const auto fragment = hash == std::string::npos
                            ? std::string{}
                            : lower_text(percent_decoded(target.substr(hash + 1)));
  const auto place = target.substr(0, hash);
  const auto path = percent_decoded(place.substr(0, place.find('?')));
  const auto file = path.empty()            ? std::optional<std::string>(from)
                    : path.starts_with('/') ? resolved(top, path)
                                            : resolved(dir_name(from), path);
  if (!file || !is_below(*file, top))
    return {link_state::outside, ""};
  if (tree.has_directory(*file) && !tree.has_file(*file))
    return {link_state::ok, ""};
  if (!tree.has_file(*file))
    return {link_state::broken, "there is no " + encode_path(*file)};
  if (fragment.empty() || fragment == "top" || !is_markdown(*file)
      || tree.document(*file).anchors.contains(fragment))
    return {link_state::ok, ""};
  return {link_state::broken,
          encode_path(*file) + " has no heading for #" + printable(fragment, 200)};
}

} // namespace aeo::consolidate
