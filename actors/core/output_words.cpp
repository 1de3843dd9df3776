#include "actors/core/output_words.hpp"

#include "actors/core/lenient_json.hpp"
#include "actors/core/sha256.hpp"

#include <algorithm>

namespace aeo::core {

namespace {

using nlohmann::ordered_json;

constexpr std::uint64_t largest_output = 8U << 20;

/// The first of these members that says something.
std::string first_of(const ordered_json& object, std::initializer_list<const char*> keys) {
  for (const auto* key : keys)
    if (auto text = lenient::text(object, key); !text.empty())
      return text;
  return {};
}

std::string place_of(const ordered_json& object) {
  auto place = first_of(object, {"path", "file", "source"});
  if (auto repository = lenient::text(object, "repository"); !repository.empty() && !place.empty())
    place = repository + "/" + place;
  if (auto line = lenient::number(object, "line"); line && *line > 0 && !place.empty())
    place += ":" + std::to_string(*line);
  return place;
}

std::string text_of(const ordered_json& item) {
  if (item.is_string())
    return item.get<std::string>();
  if (!item.is_object())
    return {};
  auto what = first_of(item, {"what", "subject", "name"});
  if (auto place = place_of(item); !place.empty())
    what += (what.empty() ? "" : " in ") + place;
  auto why = first_of(item, {"reason", "why", "message"});
  return what + (what.empty() || why.empty() ? "" : ": ") + why;
}

void add_texts(const ordered_json& list, std::vector<std::string>& out) {
  for (const auto& item : list)
    if (auto text = text_of(item); !text.empty())
      out.push_back(std::move(text));
}

severity grade_of(const ordered_json& item, severity otherwise) {
  auto name = lenient::text(item, "severity");
  for (auto grade : {severity::critical, severity::high, severity::medium, severity::low})
    if (name == to_string(grade))
      return grade;
  return otherwise;
}

void add_findings(const ordered_json& list, severity otherwise, std::vector<output_finding>& out) {
  for (const auto& item : list) {
    if (!item.is_object())
      continue;
    output_finding found{grade_of(item, otherwise), place_of(item),
                         first_of(item, {"message", "title", "what", "reason", "error"}),
                         lenient::text(item, "advice")};
    if (auto subject = lenient::text(item, "subject"); !subject.empty())
      found.message = subject + ": " + found.message;
    if (!found.message.empty())
      out.push_back(std::move(found));
  }
}

} // namespace

std::string_view to_string(severity x) {
  constexpr std::array<std::string_view, 4> names{"critical", "high", "medium", "low"};
  return names.at(static_cast<std::size_t>(x));
}

output_words read_output_words(std::string path, std::string_view text) {
  output_words result;
  result.path = std::move(path);
  auto document = lenient::object(text);
  if (const auto& summary = lenient::member(document, "summary"); summary.is_string())
    result.summary = summary.get<std::string>();
  add_texts(lenient::array(document, "decisions"), result.decisions);
  add_texts(lenient::array(document, "not_measured"), result.not_measured);
  add_findings(lenient::array(document, "problems"), severity::critical, result.findings);
  add_findings(lenient::array(document, "findings"), severity::low, result.findings);
  std::stable_sort(result.findings.begin(), result.findings.end(),
                   [](const auto& a, const auto& b) { return a.grade < b.grade; });
  return result;
}

std::vector<output_words> words_of(const report_input& in, phase_index i) {
  std::vector<output_words> result;
  auto detail = lenient::object(in.state.phases[i].detail);
  for (const auto& output : lenient::array(detail, "outputs")) {
    auto path = lenient::text(output, "path");
    if (!in.files || !path.ends_with(".json"))
      continue;
    auto text = in.files->read(path, largest_output);
    if (!text)
      continue;
    auto words = read_output_words(path, *text);
    if (sha256_hex(*text) != lenient::text(output, "sha256")) {
      words = {};
      words.path = path;
      words.changed = true;
    }
    result.push_back(std::move(words));
  }
  return result;
}

} // namespace aeo::core
