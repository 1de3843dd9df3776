#pragma once

#include "tools/consolidate/markdown.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// The files that links may lead to, by paths relative to one root.
class link_tree {
public:
  /// `read` gives the text of a Markdown file; nothing if it cannot be read.
  using read_function = std::function<std::optional<std::string>(const std::string& path)>;

  explicit link_tree(read_function read) : read_(std::move(read)) {}

  /// Adds a file and the directories above it.
  void add(const std::string& path);
  bool has_file(std::string_view path) const { return files_.contains(path); }
  bool has_directory(std::string_view path) const { return directories_.contains(path); }
  const std::set<std::string, std::less<>>& files() const { return files_; }

  /// A Markdown file, parsed at first use.
  const markdown_document& document(const std::string& path);

private:
  read_function read_;
  std::set<std::string, std::less<>> files_;
  std::set<std::string, std::less<>> directories_{""};
  std::map<std::string, markdown_document> documents_;
};

enum class link_state { ok, broken, external, outside };

struct link_verdict {
  link_state state = link_state::ok;
  std::string reason; ///< of a broken one
};

/// Judges a link of the file at `from`. `external` has a scheme or a host and is not followed,
/// `outside` leads out of the directory `top` and cannot be told. A link that starts with a slash
/// starts at `top`, as GitHub reads it.
link_verdict check_link(link_tree& tree, const std::string& from, const std::string& target,
                        const std::string& top = "");

bool is_markdown(std::string_view path);

} // namespace aeo::consolidate
