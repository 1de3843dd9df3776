// What was done and found, as the tasks' outputs say it themselves: the plan is not known here.

#include "actors/core/report_words.hpp"

#include "actors/core/markdown_text.hpp"
#include "actors/core/output_words.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <ostream>
#include <set>
#include <string>
#include <tuple>

namespace aeo::core {

namespace {

constexpr std::size_t words_up_to = 200; // phases
constexpr std::size_t findings_shown = 30;
constexpr std::size_t lines_shown = 100;

struct phase_words {
  phase_index phase = 0;
  std::vector<output_words> outputs;
};

std::vector<phase_words> collect_words(const report_input& in) {
  std::vector<phase_words> result;
  if (!in.files || in.state.phases.size() > words_up_to)
    return result;
  for (phase_index i = 0; i < in.state.phases.size(); ++i)
    if (auto words = words_of(in, i); !words.empty())
      result.push_back({i, std::move(words)});
  return result;
}

std::string phase_title(const report_input& in, phase_index i) {
  const auto& p = in.definition.phases[i];
  auto result = "Phase " + cell(in, p.id);
  if (p.label() != p.id)
    result += ", " + cell(in, p.label());
  return result;
}

void write_summaries(std::ostream& out, const report_input& in,
                     const std::vector<phase_words>& all) {
  out << "## What was done and found\n\n";
  for (const auto& [phase, outputs] : all) {
    out << "- **" << phase_title(in, phase) << "**\n";
    for (const auto& words : outputs) {
      if (words.changed)
        out << "  - changed since it was judged, so nothing is quoted from it";
      else if (words.summary.empty())
        continue;
      else
        out << "  - " << cell(in, words.summary);
      out << " (" << code(in, words.path) << ")\n";
    }
  }
  out << "\n";
}

/// A list of what all outputs say under one heading; nothing if none says anything.
void write_list(std::ostream& out, const report_input& in, const std::vector<phase_words>& all,
                const char* heading, std::vector<std::string> output_words::*texts) {
  std::size_t written = 0;
  for (const auto& [phase, outputs] : all)
    for (const auto& words : outputs)
      for (const auto& text : words.*texts) {
        if (written == 0)
          out << heading;
        if (++written <= lines_shown)
          out << "- " << cell(in, text) << " (phase " << cell(in, in.definition.phases[phase].id)
              << ", " << code(in, words.path) << ")\n";
      }
  if (written > lines_shown)
    out << "- and " << format_count(written - lines_shown) << " more in these outputs\n";
  if (written > 0)
    out << "\n";
}

struct placed_finding {
  const output_finding* what = nullptr;
  phase_index phase = 0;
  const std::string* file = nullptr;
};

void write_findings(std::ostream& out, const report_input& in,
                    const std::vector<phase_words>& all) {
  std::vector<placed_finding> list;
  std::array<std::size_t, 4> counts{};
  std::set<std::tuple<phase_index, severity, std::string, std::string>> known;
  for (const auto& [phase, outputs] : all)
    for (const auto& words : outputs)
      for (const auto& item : words.findings) {
        // A summary repeats what the outputs that it sums up have found.
        if (!known.insert({phase, item.grade, item.place, item.message}).second)
          continue;
        list.push_back({&item, phase, &words.path});
        ++counts.at(static_cast<std::size_t>(item.grade));
      }
  if (list.empty())
    return;
  std::stable_sort(list.begin(), list.end(),
                   [](const auto& a, const auto& b) { return a.what->grade < b.what->grade; });
  out << "## Findings\n\n";
  for (auto grade : {severity::critical, severity::high, severity::medium, severity::low})
    out << (grade == severity::critical ? "" : ", ")
        << format_count(counts.at(static_cast<std::size_t>(grade))) << " " << to_string(grade);
  out << (list.size() > findings_shown ? ". The worst:\n\n" : ".\n\n")
      << "| Severity | Where | What | What to do | Phase |\n|---|---|---|---|---|\n";
  for (std::size_t k = 0; k < std::min(list.size(), findings_shown); ++k)
    out << "| " << to_string(list[k].what->grade) << " | " << code_cell(in, list[k].what->place)
        << " | " << cell(in, list[k].what->message) << " | " << cell(in, list[k].what->advice)
        << " | " << cell(in, in.definition.phases[list[k].phase].id) << " |\n";
  if (list.size() > findings_shown)
    out << "\n"
        << format_count(list.size() - findings_shown) << " more are in the outputs named above.\n";
  out << "\n";
}

} // namespace

void write_output_words(std::ostream& out, const report_input& in) {
  auto all = collect_words(in);
  if (all.empty())
    return;
  write_summaries(out, in, all);
  write_list(out, in, all, "## What a person has to decide\n\n", &output_words::decisions);
  write_list(out, in, all,
             "## What was not measured\n\nNothing is claimed of these; a criterion that needs one "
             "of them fails.\n\n",
             &output_words::not_measured);
  write_findings(out, in, all);
}

nlohmann::ordered_json output_words_json(const report_input& in, phase_index i) {
  auto result = nlohmann::ordered_json::array();
  if (in.state.phases.size() > words_up_to)
    return result;
  for (const auto& words : words_of(in, i)) {
    nlohmann::ordered_json entry{{"path", words.path}};
    if (words.changed)
      entry["changed_since_judged"] = true;
    entry["summary"] = words.summary;
    entry["decisions"] = words.decisions;
    entry["not_measured"] = words.not_measured;
    std::array<std::size_t, 4> counts{};
    for (const auto& item : words.findings)
      ++counts.at(static_cast<std::size_t>(item.grade));
    for (auto grade : {severity::critical, severity::high, severity::medium, severity::low})
      entry["findings"][std::string{to_string(grade)}] = counts.at(static_cast<std::size_t>(grade));
    result.push_back(std::move(entry));
  }
  return result;
}

} // namespace aeo::core
