#include "actors/core/schema_check.hpp"

#include "actors/core/json_probe.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <exception>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#define VALIJSON_USE_EXCEPTIONS 1
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace aeo::core {

namespace {

using nlohmann::json;

constexpr std::size_t max_document_depth = 128;
constexpr std::size_t max_hops = 32;
constexpr std::size_t max_pattern_text = 8 * 1024;

/// Calls `f` with each value of a document, the outermost first.
template <class F>
void each_value(const json& root, F f) {
  std::vector<const json*> open{&root};
  while (!open.empty()) {
    const auto* x = open.back();
    open.pop_back();
    f(*x);
    for (const auto& inner : *x)
      if (x->is_structured())
        open.push_back(&inner);
  }
}

/// Finds schemas whose validation would never end, because valijson recurses without a bound:
/// chains of subschemas that apply to the same value and come back to themselves.
class reference_check {
public:
  explicit reference_check(const json& root) : root_(root) {}

  std::string problem() {
    each_value(root_, [this](const json& x) { follow(x, 0); });
    return problem_;
  }

private:
  /// Longest chain from `x`, 0 for none; `above` hops lead to it.
  std::size_t follow(const json& x, std::size_t above) {
    if (!x.is_object() || !problem_.empty())
      return 0;
    if (auto known = length_.find(&x); known != length_.end()) {
      if (known->second == open_mark || above + known->second > max_hops)
        problem_ = "the schema's references nest without end or too deep";
      return known->second;
    }
    if (above > max_hops)
      problem_ = "the schema's references nest without end or too deep";
    length_[&x] = open_mark;
    std::size_t longest = 0;
    for (const auto* next : same_value(x))
      longest = std::max(longest, 1 + follow(*next, above + 1));
    return length_[&x] = longest;
  }

  /// The subschemas of `x` that apply to the same value as `x`.
  std::vector<const json*> same_value(const json& x) {
    constexpr std::array lists = {"allOf", "anyOf", "oneOf", "type", "extends", "disallow"};
    constexpr std::array singles = {"not", "if", "then", "else", "extends"};
    std::vector<const json*> found;
    for (const auto* name : lists)
      if (auto at = x.find(name); at != x.end() && at->is_array())
        for (const auto& each : *at)
          found.push_back(&each);
    for (const auto* name : singles)
      if (auto at = x.find(name); at != x.end())
        found.push_back(&*at);
    if (auto at = x.find("dependencies"); at != x.end() && at->is_object())
      for (const auto& each : *at)
        found.push_back(&each);
    if (auto at = x.find("$ref"); at != x.end() && at->is_string())
      if (const auto* target = resolve(at->get_ref<const std::string&>()))
        found.push_back(target);
    return found;
  }

  const json* resolve(const std::string& reference) {
    if (reference == "#")
      return &root_;
    if (!reference.starts_with("#/")) {
      problem_ = "the schema refers to \"" + one_line(reference)
                 + "\"; only references within it (\"#/...\") are followed";
      return nullptr;
    }
    try {
      const json::json_pointer pointer{reference.substr(1)};
      if (root_.contains(pointer))
        return &root_.at(pointer);
    } catch (const json::exception&) {
      // Falls through: it names nothing, whether malformed or missing.
    }
    problem_ = "the schema refers to \"" + one_line(reference) + "\", which it does not contain";
    return nullptr;
  }

  static constexpr std::size_t open_mark = static_cast<std::size_t>(-1);
  const json& root_;
  std::string problem_;
  std::unordered_map<const json*, std::size_t> length_;
};

bool has_patterns(const json& schema) {
  bool found = false;
  each_value(schema, [&found](const json& x) {
    found =
        found
        || (x.is_object()
            && (x.contains("pattern") || x.contains("patternProperties") || x.contains("format")));
  });
  return found;
}

bool has_long_text(const json& document) {
  bool found = false;
  each_value(document, [&found](const json& x) {
    if (x.is_string())
      found = found || x.get_ref<const std::string&>().size() > max_pattern_text;
    if (x.is_object())
      for (const auto& each : x.items())
        found = found || each.key().size() > max_pattern_text;
  });
  return found;
}

/// {"<root>", "[a]", "[0]"} -> "/a/0".
std::string place(const std::vector<std::string>& context) {
  std::string text;
  for (std::size_t i = 1; i < context.size(); ++i) {
    std::string_view name = context[i];
    if (name.size() >= 2 && name.front() == '[')
      name = name.substr(1, name.size() - 2);
    text.append("/").append(name);
  }
  return text.empty() ? "/" : text;
}

/// The violations themselves: valijson also reports each value around a bad one.
std::string violations(const valijson::ValidationResults& results) {
  constexpr std::size_t shown = 3;
  constexpr std::size_t looked_at = 1000;
  std::unordered_set<std::string> around;
  std::size_t n = 0;
  for (const auto& each : results)
    for (auto outer = each.context; outer.size() > 1 && n < looked_at;) {
      outer.pop_back();
      around.insert(place(outer));
      ++n;
    }
  std::string text;
  n = 0;
  for (const auto& each : results) {
    const auto where = place(each.context);
    if (each.description.starts_with("Failed to validate") && around.contains(where))
      continue;
    if (n++ < shown)
      text += (n > 1 ? "; " : "") + one_line(where + ": " + each.description);
  }
  if (n > shown)
    text += " (and " + std::to_string(n - shown) + " more)";
  return text.empty() ? "not valid" : text;
}

schema_verdict apply(const json& document, const json& schema_text) {
  valijson::Schema schema;
  valijson::SchemaParser{}.populateSchema(valijson::adapters::NlohmannJsonAdapter{schema_text},
                                          schema);
  valijson::ValidationResults results;
  valijson::Validator validator;
  if (validator.validate(schema, valijson::adapters::NlohmannJsonAdapter{document}, &results))
    return {true, true, "valid"};
  return {true, false, violations(results)};
}

schema_verdict not_checked(std::string why) {
  return {false, false, std::move(why)};
}

} // namespace

schema_verdict check_schema(std::string_view document_text, std::string_view schema_text) {
  if (auto problem = json_problem(schema_text, max_document_depth); !problem.empty())
    return not_checked("the schema is not usable: " + problem);
  if (auto problem = json_problem(document_text, max_document_depth); !problem.empty())
    return not_checked(problem);
  // Expressions and schemas come from users; both libraries report what is wrong with them so.
  try {
    const auto schema = json::parse(schema_text);
    const auto document = json::parse(document_text);
    if (auto problem = reference_check{schema}.problem(); !problem.empty())
      return not_checked(problem);
    if (has_patterns(schema) && has_long_text(document))
      return not_checked("a text of more than 8 KiB cannot be matched against patterns");
    return apply(document, schema);
  } catch (const std::exception& e) {
    return not_checked("the schema is not usable: " + one_line(e.what()));
  }
}

} // namespace aeo::core
