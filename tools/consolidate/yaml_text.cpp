#include "tools/consolidate/yaml_text.hpp"

#include <nlohmann/json.hpp>
#include <yaml-cpp/eventhandler.h>

#include <re2/re2.h>

#include <algorithm>
#include <exception>
#include <map>
#include <sstream>

namespace aeo::consolidate {

namespace {

constexpr std::size_t yaml_node_limit = 1'000'000;
constexpr std::size_t yaml_depth_limit = 100;

/// Without quotes it would be a number, a truth value or nothing.
bool is_other_plain(const std::string& text) {
  static const re2::RE2 other(R"re((?i)true|false|yes|no|on|off|y|n|null|~||[-+.]*[0-9].*)re");
  return re2::RE2::FullMatch(text, other);
}

/// Sees every event of a YAML stream and keeps none. Where a document is followed by what begins
/// none ("{a: b}, c"), yaml-cpp goes on for ever with empty documents at the same place.
class yaml_listener : public YAML::EventHandler {
public:
  /// What begins behind `last_line` is not part of the text.
  yaml_listener(bool unique_keys, int last_line)
      : unique_keys_(unique_keys), last_line_(last_line) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (mark.pos <= last_)
      throw YAML::ParserException(mark, "what follows a document begins none");
    last_ = mark.pos;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { node(mark); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { node(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& text) override {
    const bool key = node(mark);
    if (key && unique_keys_ && text != "<<")
      add_key(mark, tag == "?" || (tag == "!" && !is_other_plain(text)) ? text : tag + " " + text);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    node(mark);
    open_.push_back({});
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    node(mark);
    open_.push_back({true, true, {}});
  }
  void OnMapEnd() override { open_.pop_back(); }

  /// Where the newest node begins.
  const YAML::Mark& newest() const { return newest_; }

private:
  struct collection {
    bool map = false;
    bool key_next = false;
    std::map<std::string, int> keys; ///< with their lines
  };

  /// True if it is the key of a mapping.
  bool node(const YAML::Mark& mark) {
    if (mark.line <= last_line_)
      newest_ = mark;
    if (open_.empty() || !open_.back().map)
      return false;
    open_.back().key_next = !open_.back().key_next;
    return !open_.back().key_next;
  }

  void add_key(const YAML::Mark& mark, const std::string& key) {
    const auto [first, fresh] = open_.back().keys.emplace(key, mark.line + 1);
    if (!fresh)
      throw YAML::ParserException(mark, "a key stands twice in one mapping, the first on line "
                                            + std::to_string(first->second));
  }

  bool unique_keys_;
  int last_line_;
  int last_ = -1; ///< Where the document before this one began.
  YAML::Mark newest_;
  std::vector<collection> open_;
};

/// yaml-cpp takes the end of the text for the end of a quoted scalar, but not the end of a
/// document. In UTF-16 and UTF-32, whose texts have a zero byte at their start, none is put behind
/// it.
void parse_stream(const std::string& text, bool unique_keys) {
  const auto last_line = static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  yaml_listener listener(unique_keys, last_line);
  const bool bytes = text.substr(0, 4).find('\0') == std::string::npos;
  std::istringstream in(bytes ? text + "\n...\n" : text);
  YAML::Parser parser(in);
  try {
    while (parser.HandleNextDocument(listener)) {
    }
  } catch (const YAML::Exception& error) {
    if (error.mark.line <= last_line)
      throw;
    throw YAML::ParserException(
        listener.newest(),
        "a quote or bracket that is opened here or right behind is never closed");
  }
}

/// Looks at every node as often as aliases repeat it.
class yaml_inspector {
public:
  explicit yaml_inspector(std::vector<yaml_problem>& problems) : problems_(problems) {}

  /// False if the tree must not be walked.
  bool visit(const YAML::Node& node, std::size_t depth = 0) {
    if (depth > yaml_depth_limit || ++count_ > yaml_node_limit) {
      problems_.push_back({yaml_line(node), "is nested or repeated by aliases beyond reason"});
      return false;
    }
    if (node.IsSequence())
      return std::all_of(node.begin(), node.end(),
                         [&](const auto& item) { return visit(item, depth + 1); });
    return !node.IsMap() || visit_map(node, depth);
  }

private:
  bool visit_map(const YAML::Node& map, std::size_t depth) {
    std::map<std::string, std::uint32_t> seen;
    for (const auto& pair : map) {
      if (pair.first.IsScalar() && pair.first.Scalar() != "<<") {
        const auto line = yaml_line(pair.first);
        const auto [first, fresh] = seen.emplace(pair.first.Scalar(), line);
        const yaml_problem twice{line, "has the key " + pair.first.Scalar()
                                           + " a second time, the first is on line "
                                           + std::to_string(first->second)};
        if (!fresh && reported_.emplace(line, twice.message).second)
          problems_.push_back(twice);
      }
      if (!visit(pair.first, depth + 1) || !visit(pair.second, depth + 1))
        return false;
    }
    return true;
  }

  std::vector<yaml_problem>& problems_;
  std::map<std::uint32_t, std::string> reported_; ///< an alias shows its mistakes again
  std::size_t count_ = 0;
};

/// Visits (key, value) of a mapping: its own first, then what merge keys add.
template <class Visit>
void each_pair(const YAML::Node& map, Visit visit) {
  if (!map.IsDefined() || !map.IsMap())
    return;
  for (const auto& pair : map) {
    if (pair.first.IsScalar() && pair.first.Scalar() != "<<")
      visit(pair.first.Scalar(), pair.second);
  }
  for (const auto& pair : map) {
    if (!pair.first.IsScalar() || pair.first.Scalar() != "<<")
      continue;
    if (pair.second.IsSequence()) {
      for (const auto& item : pair.second)
        each_pair(item, visit);
    } else {
      each_pair(pair.second, visit);
    }
  }
}

/// True if a reader of YAML 1.1 or 1.2 takes it for a string without quotes.
bool is_plain(const std::string& text) {
  static const re2::RE2 safe(
      R"re([A-Za-z_./](?:[A-Za-z0-9_./ ()=<>$+{}"'|~,?!-]*[A-Za-z0-9_./)}"])?|[0-9]+(?:ms|s|m|h|d|g))re");
  static const re2::RE2 taken(R"re((?i)true|false|yes|no|on|off|y|n|null|\.nan|\.inf)re");
  return re2::RE2::FullMatch(text, safe) && !re2::RE2::FullMatch(text, taken);
}

std::string scalar_text(const YAML::Node& node) {
  const auto& text = node.Scalar();
  const bool was_plain = node.Tag() == "?" && text.find('\n') == std::string::npos;
  if (was_plain || (node.Tag() != "!" && is_plain(text)))
    return text;
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool is_inline(const YAML::Node& node) {
  return node.size() == 0
         || (node.IsSequence() && node.Style() == YAML::EmitterStyle::Flow
             && std::all_of(node.begin(), node.end(),
                            [](const auto& item) { return item.IsScalar(); }));
}

std::string inline_text(const YAML::Node& node) {
  if (node.IsMap())
    return "{}";
  std::string text;
  for (const auto& item : node) {
    auto word = scalar_text(item);
    // In flow style a few characters more mean something.
    if (!word.starts_with('"') && word.find_first_of(",[]{}#") != std::string::npos)
      word = nlohmann::json(word).dump();
    text += (text.empty() ? "" : ", ") + word;
  }
  return "[" + text + "]";
}

void write_node(const YAML::Node& node, const std::string& indent, std::string& out);

/// What stands behind `key:` or `-`.
void write_value(const YAML::Node& node, const std::string& indent, std::string& out) {
  if (!node.IsDefined() || node.IsNull()) {
    out += "\n";
  } else if (node.IsScalar()) {
    out += " " + scalar_text(node) + "\n";
  } else if (is_inline(node)) {
    out += " " + inline_text(node) + "\n";
  } else {
    out += "\n";
    write_node(node, indent, out);
  }
}

void write_node(const YAML::Node& node, const std::string& indent, std::string& out) {
  if (node.IsMap()) {
    for (const auto& pair : node) {
      out += indent + (pair.first.IsScalar() ? scalar_text(pair.first) : "?") + ":";
      write_value(pair.second, indent + "  ", out);
    }
    return;
  }
  for (const auto& item : node) {
    if (item.IsMap() && item.size() > 0) {
      std::string lines;
      write_node(item, indent + "  ", lines);
      out += indent + "- " + lines.substr(indent.size() + 2);
    } else {
      out += indent + "-";
      write_value(item, indent + "  ", out);
    }
  }
}

} // namespace

void parse_yaml_stream(const std::string& text) {
  parse_stream(text, false);
}

void check_yaml_stream(const std::string& text) {
  parse_stream(text, true);
}

yaml_documents read_yaml(const std::string& text) {
  yaml_documents out;
  try {
    parse_yaml_stream(text);
    for (auto& document : YAML::LoadAll(text)) {
      if (document.IsNull())
        continue;
      if (yaml_inspector(out.problems).visit(document))
        out.documents.push_back(document);
    }
  } catch (const YAML::Exception& error) {
    out.problems.push_back({static_cast<std::uint32_t>(error.mark.line + 1), error.msg});
  }
  return out;
}

YAML::Node yaml_at(const YAML::Node& map, const std::string& key) {
  YAML::Node found(YAML::NodeType::Undefined);
  bool any = false;
  each_pair(map, [&](const std::string& name, const YAML::Node& value) {
    if (!any && name == key)
      found.reset(value);
    any = any || name == key;
  });
  return found;
}

YAML::Node yaml_at(const YAML::Node& map, std::initializer_list<const char*> keys) {
  YAML::Node at = map;
  for (const auto* key : keys)
    at.reset(yaml_at(at, key));
  return at;
}

std::string yaml_string(const YAML::Node& node) {
  return node.IsDefined() && node.IsScalar() ? node.Scalar() : std::string{};
}

std::vector<std::string> yaml_strings(const YAML::Node& node) {
  std::vector<std::string> texts;
  if (node.IsDefined() && node.IsScalar())
    texts.push_back(node.Scalar());
  if (node.IsDefined() && node.IsSequence()) {
    for (const auto& item : node) {
      if (item.IsScalar())
        texts.push_back(item.Scalar());
    }
  }
  return texts;
}

std::uint32_t yaml_line(const YAML::Node& node) {
  return node.IsDefined() ? static_cast<std::uint32_t>(node.Mark().line + 1) : 0;
}

std::vector<std::string> yaml_keys(const YAML::Node& map) {
  std::vector<std::string> keys;
  each_pair(map, [&](const std::string& name, const YAML::Node&) {
    if (std::find(keys.begin(), keys.end(), name) == keys.end())
      keys.push_back(name);
  });
  return keys;
}

YAML::Node yaml_copy(const YAML::Node& node) {
  YAML::Node out(node.IsDefined() ? node.Type() : YAML::NodeType::Null);
  if (out.IsScalar())
    out = node.Scalar();
  if (out.IsSequence()) {
    for (const auto& item : node)
      out.push_back(yaml_copy(item));
  }
  if (out.IsMap()) {
    for (const auto& key : yaml_keys(node))
      out[key] = yaml_copy(yaml_at(node, key));
  }
  if (node.IsDefined() && !out.IsNull())
    out.SetTag(node.Tag());
  if (out.IsSequence() || out.IsMap())
    out.SetStyle(node.Style());
  return out;
}

std::string to_yaml(const YAML::Node& node) {
  std::string out;
  write_node(node, "", out);
  return out;
}

YAML::Node yaml_quoted(const std::string& text) {
  YAML::Node node(text);
  node.SetTag("!");
  return node;
}

YAML::Node yaml_list(const std::vector<std::string>& words) {
  YAML::Node node(YAML::NodeType::Sequence);
  for (const auto& word : words)
    node.push_back(YAML::Node(word));
  node.SetStyle(YAML::EmitterStyle::Flow);
  return node;
}

} // namespace aeo::consolidate
