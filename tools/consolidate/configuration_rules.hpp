#pragma once

#include <string>
#include <vector>

namespace aeo::consolidate {

/// What gives variables, such as `process.env`, and may have other names in a file.
struct environment_object {
  std::string id;
  std::string pattern;              ///< RE2: its name everywhere
  std::vector<std::string> aliases; ///< RE2 on a file: group 1 is a name that the file gives it
  std::vector<std::string> rebinds; ///< RE2: the file gives that name, `{object}`, to another thing
};

/// How a language names an environment variable that it reads. The expressions are RE2,
/// case-sensitive, `^` and `$` are lines; those for `..._before` are matched against the line up to
/// the match, those for `..._after` (anchored) against the text that follows it.
struct variable_idiom {
  std::string id;
  std::vector<std::string> languages; ///< empty: any
  std::vector<std::string> paths;     ///< globs; empty: any
  std::vector<std::string> hints;     ///< one of these literals is in every match
  std::string object;                 ///< id of what `{object}` in `pattern` stands for
  std::string pattern;                ///< group 1 is the name; no group: a name not written there
  bool list = false;                  ///< group 1 is a list of names with commas between them
  std::vector<std::string> required_before; ///< what takes the value does not take its absence
  std::vector<std::string> required_after;  ///< looked at first: the value must be there
  std::vector<std::string> optional_after;  ///< there is a default, or its absence is handled
  std::vector<std::string> optional_before;
  std::vector<std::string> not_after; ///< not a use, e.g. an assignment
  std::vector<std::string> not_before;
  bool unset_is_empty = false; ///< where nothing says more, its absence is an empty value, no error
  bool guard = false;          ///< asks whether it is set: then the file can do without
};

/// How a file gives a name its value, so that reading it there asks nothing of the environment.
struct assignment_idiom {
  std::vector<std::string> languages;
  std::string pattern; ///< group 1 is the name
};

struct format_rule {
  std::string format; ///< json, jsonc, yaml, toml, xml, ini, env or unchecked
  std::vector<std::string> paths;
  std::string reason; ///< why it is not checked
};

/// configuration_rules.json: what phases 6 and 8 know of variables and configuration files.
struct configuration_rules {
  std::vector<environment_object> objects;
  std::vector<variable_idiom> uses;
  std::vector<assignment_idiom> assignments;
  std::vector<std::string> declarations;   ///< globs of files such as .env.example
  std::vector<std::string> provided;       ///< globs of names that system, shell or build give
  std::vector<std::string> not_production; ///< globs of tests, examples and the like
  std::vector<format_rule> formats;        ///< first match decides
};

configuration_rules parse_configuration_rules(const std::string& text, const std::string& file);
/// The file in `directory`, else the shipped one; throws `failure` (configuration).
configuration_rules load_configuration_rules(const std::string& directory);

} // namespace aeo::consolidate
