#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace aeo::consolidate {

/// A code file, as modules name it.
struct module_source {
  std::string path;        ///< In its repository.
  std::string_view family; ///< See code_index::family.
  std::string_view text;   ///< Read when the index is made, not later.
};

/// What a name of a file comes from.
struct imported_name {
  std::optional<std::size_t> file; ///< number of the code file; none: it is not in the repository
  std::string original;            ///< its name there; empty: what the file is or exports
};

/// How the JavaScript and Python files of a repository import from each other, for those that look
/// names up. Files are numbered in the order in which they were given. Does not change once made.
class module_index {
public:
  explicit module_index(const std::vector<module_source>& sources);

  /// What file `c` imports under that name; nullptr: nothing.
  const imported_name* find(std::size_t c, const std::string& name) const;
  /// The files of the repository from which file `c` imports anything.
  const std::set<std::size_t>& imported_by(std::size_t c) const { return tables_[c].files; }

  /// The file that `./other` names in a script; `@/lib/other` by its end, where only one has that.
  std::optional<std::size_t> script_of(std::size_t c, std::string_view name) const;

private:
  struct import_table {
    std::unordered_map<std::string, imported_name> names;
    std::set<std::size_t> files;
  };

  /// The file of a Python module, or of the one that holds what the last part names.
  std::optional<std::size_t> module_of(std::size_t c, std::string name) const;
  std::optional<std::size_t> find_stem(std::size_t c, const std::string& stem) const;
  std::optional<std::size_t> find_end(std::size_t c, std::string_view end) const;
  void read_script(std::size_t c, std::string_view text);
  void read_python(std::size_t c, std::string_view text);
  void add_clause(std::size_t c, std::string_view clause, std::string_view from);
  void add(std::size_t c, const std::string& name, imported_name what);

  std::vector<std::string> paths_;
  std::vector<std::string_view> families_; ///< Parallel to `paths_`.
  /// Files by path without extension, and by the last part of that.
  std::unordered_map<std::string, std::vector<std::size_t>> stems_, names_;
  std::vector<import_table> tables_;
};

} // namespace aeo::consolidate
