#pragma once

#include "tools/consolidate/functions.hpp"
#include "tools/consolidate/language.hpp"
#include "tools/consolidate/module_index.hpp"
#include "tools/consolidate/scan.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace aeo::consolidate {

/// One code file, read. A `code_index` owns it.
struct code_file {
  std::size_t file = 0; ///< index in survey::files
  std::string text;
  std::vector<std::string_view> lines; ///< Of `text`.
  std::vector<bool> comments;          ///< Which lines are such, parallel to `lines`.
  std::vector<bool> texts;             ///< Which begin inside a text over several lines, likewise.
  std::vector<bool> swallowed; ///< Which stand in a `try` after which it goes on all the same.
  std::vector<std::uint32_t> classes; ///< See `class_lines`; of files that register endpoints.
  std::vector<function_extent> functions;
};

/// One of the functions of a `code_index`.
struct function_id {
  std::size_t code = 0; ///< index of the code file
  std::size_t function = 0;
};

/// Lines of a code file, from 1, or a part of one line.
struct region {
  std::size_t code = 0; ///< index of the code file
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::size_t begin = 0; ///< Bytes of the text, if it is not all of the line; else `end` is 0.
  std::size_t end = 0;
};

/// The production code of one repository, third-party code left out: its files, read and kept as
/// long as this lives, with the functions and classes in them. Those that find endpoints
/// and their guards look things up here. `all` and `rules` have to outlive it; what it hands out is
/// its own. Does not change once it is made.
class code_index {
public:
  /// Reads the files of that source, on all cores.
  code_index(const step_context& context, const survey& all, const rule_set& rules,
             std::size_t source);
  code_index(const code_index&) = delete;
  code_index& operator=(const code_index&) = delete;

  std::size_t size() const { return code_.size(); }
  const code_file& operator[](std::size_t c) const { return code_[c]; }
  /// What of a line belongs to a region.
  std::string_view text_of(const region& part, std::uint32_t line) const {
    const auto& item = code_[part.code];
    return part.end == 0 ? item.lines[line - 1]
                         : std::string_view(item.text).substr(part.begin, part.end - part.begin);
  }
  /// Where a line begins in the text of its file.
  std::size_t offset_of(std::size_t c, std::uint32_t line) const {
    return static_cast<std::size_t>(code_[c].lines[line - 1].data() - code_[c].text.data());
  }
  const language& language_of(std::size_t c) const {
    return or_plain(language_by_name(facts(c).language));
  }
  const file_facts& facts(std::size_t c) const { return all_.files[code_[c].file].facts; }
  const std::string& path_of(std::size_t c) const;
  /// Languages whose functions call each other by name are one.
  std::string_view family(std::size_t c) const;

  /// How its files import from each other.
  const module_index& modules() const { return *modules_; }
  /// The functions of that name, in all files.
  const std::vector<function_id>& functions_named(const std::string& name) const;
  /// What code file `c` means by the name of a function, a class or a value of its language, as far
  /// as that can be told: a few definitions, those of the file itself before others.
  std::vector<region> definitions(const std::string& name, std::size_t c) const;
  const function_extent& function(const function_id& id) const;
  /// Whether the function registers endpoints.
  bool registers(const function_id& id) const;
  /// Whether anything in those lines does.
  bool registers(const region& part) const;
  /// The innermost function around a line; nullptr: none.
  const function_extent* enclosing(std::size_t c, std::uint32_t line) const;

  /// The regions and those of every function that they name, a few steps deep. With `past_routes`,
  /// functions that register endpoints are not entered: what one of their handlers checks guards no
  /// other.
  std::vector<region> closure(std::vector<region> parts, bool past_routes = false) const;

private:
  void note_functions(std::size_t c);
  void note_classes(std::size_t c);
  void note_values(std::size_t c, const re2::RE2& guards);
  void note_exports(std::size_t c);
  using table = std::unordered_map<std::string, std::vector<region>>;
  std::vector<region> resolved(const table& from, const std::string& name, std::size_t c) const;
  std::vector<region> meant(const table& from, std::string_view in, const std::string& name,
                            std::size_t c) const;
  std::vector<region> value_of(const std::string& name, std::size_t c) const;
  std::vector<region> exported_to(const std::string& name, std::size_t c) const;
  std::uint32_t first_decorator(std::size_t c, std::uint32_t line) const;

  const survey& all_;
  const rule_set& rules_;
  std::vector<code_file> code_;
  std::unordered_map<std::string, std::vector<function_id>> by_name_;
  table functions_; ///< The lines of those in `by_name_`.
  table classes_;
  table values_;                                                 ///< That may be guards.
  std::unordered_map<std::size_t, std::vector<region>> exports_; ///< Of scripts: what they are.
  std::unique_ptr<module_index> modules_;
};

} // namespace aeo::consolidate
