#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// What could not be read, and where (line from 1; 0: unknown).
struct yaml_problem {
  std::uint32_t line = 0;
  std::string message;
};

/// A text with any number of documents; empty ones are left out. Keys that a mapping has twice are
/// problems. So is a document that holds itself or grows beyond a million nodes by its aliases,
/// which is then left out: the others can be walked without a thought.
struct yaml_documents {
  std::vector<YAML::Node> documents;
  std::vector<yaml_problem> problems;
};

/// Reads a text with any number of documents and keeps nothing; throws YAML::Exception. To be
/// called before YAML::LoadAll(), which does not end on some texts that are no YAML.
void parse_yaml_stream(const std::string& text);
/// Refuses a key that stands twice in one mapping, too; nothing of the text is in the message.
void check_yaml_stream(const std::string& text);

yaml_documents read_yaml(const std::string& text);

/// The value of a key, also of one that a merge key (`<<`) brings, else an undefined node. Never
/// adds the key, never throws.
YAML::Node yaml_at(const YAML::Node& map, const std::string& key);
/// Down a path of keys.
YAML::Node yaml_at(const YAML::Node& map, std::initializer_list<const char*> keys);
/// A scalar's text, else "".
std::string yaml_string(const YAML::Node& node);
/// The texts of a sequence of scalars; of a scalar itself; else none.
std::vector<std::string> yaml_strings(const YAML::Node& node);
std::uint32_t yaml_line(const YAML::Node& node);
/// The keys of a mapping that are scalars, in order, those of merge keys included.
std::vector<std::string> yaml_keys(const YAML::Node& map);

/// A copy that shares nothing: aliases and merge keys are written out. Its nodes have no lines.
YAML::Node yaml_copy(const YAML::Node& node);

/// Block style, two spaces; a sequence of scalars in flow style stays on its line. A scalar that
/// was quoted, or that would not be read back as this string, is quoted.
std::string to_yaml(const YAML::Node& node);
/// A scalar that is a string whatever it looks like.
YAML::Node yaml_quoted(const std::string& text);
/// A sequence of strings on one line.
YAML::Node yaml_list(const std::vector<std::string>& words);

} // namespace aeo::consolidate
