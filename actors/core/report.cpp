#include "actors/core/report.hpp"

#include "actors/core/event_data.hpp"
#include "actors/core/lenient_json.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace aeo::core {

namespace {

using nlohmann::ordered_json;

std::string masked(const report_input& in, std::string text) {
  return in.mask ? in.mask(text) : text;
}

std::string program(const report_input& in, std::string_view name) {
  return in_workspace(name, in.workspace);
}

std::string title(const phase_def& p) {
  auto result = "Phase " + p.id;
  if (!p.name.empty() && p.name != p.id)
    result += " (" + p.name + ")";
  return result;
}

/// What a phase needs from a person; lower comes first.
enum class need : std::uint8_t { configure, fix, provide, revive, ask, decide, rework, none };

need need_of(const phase_state& s, const ordered_json& detail) {
  switch (s.status) {
  case phase_status::failed:
    return lenient::text(detail, "class") == "configuration" ? need::configure : need::fix;
  case phase_status::waiting_approval:
    return lenient::flag(detail, "ask") ? need::ask : need::decide;
  case phase_status::rejected:
    return need::rework;
  case phase_status::cancelled:
    return need::revive;
  case phase_status::blocked:
    // Behind another phase it runs by itself once that one is resolved.
    return lenient::text(detail, "by").empty() ? need::provide : need::none;
  default:
    return need::none;
  }
}

std::string sentence_end(std::string text) {
  if (!text.empty() && text.back() != '.' && text.back() != '?' && text.back() != '!')
    text += '.';
  return text;
}

std::string failure_text(const phase_def& p, const phase_state& s, const ordered_json& detail) {
  auto message = lenient::text(detail, "message");
  if (message.empty() && !s.errors.empty())
    message = s.errors.back().message;
  auto text = title(p) + " failed";
  if (!message.empty())
    text += ": " + plain_line(message);
  text = sentence_end(text);
  if (auto log = lenient::text(detail, "log"); !log.empty())
    text += " Its log is " + plain_line(log) + ".";
  return text;
}

std::string decision_text(const phase_def& p, const ordered_json& detail) {
  auto text = title(p) + " waits for a person";
  if (auto reason = lenient::text(detail, "reason"); !reason.empty())
    text += ": " + plain_line(reason);
  text = sentence_end(text);
  if (p.approval && p.approval->required > 1)
    text += " It takes " + std::to_string(p.approval->required) + " people.";
  return text + " Review its outputs.";
}

/// A person's word needs a node that hears it.
next_step decision_step(const report_input& in, const phase_def& p, const ordered_json& detail) {
  auto text = decision_text(p, detail);
  auto approve = program(in, "aeo-control") + " approve " + shell_quote(p.id);
  if (in.exit_code < 0)
    return {text + " Then approve it, or reject it with a reason.", approve};
  return {text + " Then let a node wait for you, and in another terminal: " + approve,
          program(in, "aeo-node") + " --resume --wait"};
}

std::string ended_text(const phase_def& p, std::string_view what, const ordered_json& detail) {
  auto text = title(p) + " was " + std::string{what};
  if (auto by = lenient::text(detail, "by"); !by.empty())
    text += " by " + plain_line(by);
  if (auto reason = lenient::text(detail, "reason"); !reason.empty())
    text += ": " + plain_line(reason);
  return sentence_end(text);
}

/// The step for one phase; `again` is the command that runs it again after a fix.
next_step step_for(const report_input& in, phase_index i, need n, const std::string& again) {
  const auto& p = in.definition.phases[i];
  const auto& s = in.state.phases[i];
  auto id = shell_quote(p.id);
  auto detail = lenient::object(s.detail);
  auto rerun = program(in, "aeo-node") + " --resume --only " + id;
  const auto& retry = again.empty() ? rerun : again;
  switch (n) {
  case need::configure:
    return {failure_text(p, s, detail) + " Correct the configuration, then continue.", retry};
  case need::fix:
    return {failure_text(p, s, detail) + " Remove the cause, then continue.", retry};
  case need::ask:
    return {title(p) + ": it is not known how its task ended ("
                + plain_line(lenient::text(detail, "reason"))
                + "). Look at what it left behind, then run it again.",
            rerun};
  case need::decide:
    return decision_step(in, p, detail);
  case need::rework:
    return {ended_text(p, "rejected", detail) + " Rework it, then run it again.", rerun};
  case need::revive:
    return {ended_text(p, "cancelled", detail) + " If it is still wanted, run it again.", retry};
  default:
    return {title(p)
                + " misses an input: " + sentence_end(plain_line(lenient::text(detail, "reason")))
                + " Provide it, then run it again.",
            retry};
  }
}

/// After the node's end: what --resume retries is continued by it, all else needs a node that
/// stays. Empty while a node runs.
std::string resume_command(const report_input& in) {
  if (in.exit_code < 0)
    return {};
  return program(in, "aeo-node") + " --resume";
}

std::string counted(std::size_t n, std::string_view what) {
  return format_count(n) + " " + std::string{what};
}

/// "1 failed, 4 blocked": what stands between the execution and its end.
std::string open_counts(const progress_counts& c) {
  std::string result;
  for (auto [s, word] : {std::pair{phase_status::failed, "failed"},
                         {phase_status::rejected, "rejected"},
                         {phase_status::cancelled, "cancelled"},
                         {phase_status::blocked, "blocked"},
                         {phase_status::waiting_approval, "waiting for a person"},
                         {phase_status::in_progress, "running"},
                         {phase_status::completed, "to be judged"},
                         {phase_status::retry_wait, "to be retried"},
                         {phase_status::pending, "not started"}})
    if (c[s] > 0)
      result += (result.empty() ? "" : ", ") + counted(c[s], word);
  return result;
}

bool measured(const report_input& in, phase_index i) {
  const auto& s = in.state.phases[i];
  return s.started_us > 0 && (s.ended_us >= s.started_us || is_active(s.status))
         && !(in.history && in.history->imported(i));
}

std::int64_t end_of(const report_input& in, phase_index i) {
  const auto& s = in.state.phases[i];
  return is_active(s.status) || s.ended_us == 0 ? in.now_us : s.ended_us;
}

/// What concerns no single phase.
void add_general_steps(const report_input& in, std::vector<next_step>& steps) {
  auto counts = count_phases(in.state);
  auto node = program(in, "aeo-node");
  auto left = counts[phase_status::pending] + counts[phase_status::in_progress]
              + counts[phase_status::retry_wait] + counts[phase_status::completed];
  if (in.state.overall == overall_status::cancelled) {
    steps.push_back(
        {"The execution was cancelled. To run what was cancelled after all:", node + " --resume"});
    steps.push_back({"Or to begin anew at the first phase:", node + " --fresh"});
  } else if (in.exit_code >= 0 && left > 0 && steps.empty())
    steps.push_back({"The execution stopped with " + counted(left, left == 1 ? "phase" : "phases")
                         + " not finished. Continue where it stopped.",
                     node + " --resume"});
  if (auto blocked = counts[phase_status::blocked]; blocked > 0 && !steps.empty())
    steps.push_back({counted(blocked, blocked == 1 ? "phase is" : "phases are")
                         + " blocked and will run without further commands once what blocks "
                         + (blocked == 1 ? "it" : "them") + " is resolved.",
                     ""});
}

/// The phases that need a person, the most urgent need first.
std::vector<std::pair<need, phase_index>> find_needs(const report_input& in) {
  std::vector<std::pair<need, phase_index>> result;
  for (phase_index i = 0; i < in.state.phases.size(); ++i) {
    const auto& s = in.state.phases[i];
    if (!is_shut(s.status) && s.status != phase_status::waiting_approval)
      continue;
    auto n = need_of(s, lenient::object(s.detail));
    if (n != need::none && !(n == need::revive && in.state.overall == overall_status::cancelled))
      result.emplace_back(n, i);
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  return result;
}

} // namespace

std::size_t progress_counts::done() const {
  return (*this)[phase_status::approved] + (*this)[phase_status::skipped];
}

double progress_counts::percent() const {
  if (total == 0)
    return 0;
  return std::floor(1000.0 * static_cast<double>(done()) / static_cast<double>(total)) / 10;
}

progress_counts count_phases(const execution_state& state) {
  progress_counts result;
  result.total = state.phases.size();
  for (const auto& p : state.phases)
    ++result.by_status.at(static_cast<std::size_t>(p.status));
  return result;
}

overall_status called(overall_status overall, const progress_counts& c) {
  using enum phase_status;
  const auto ended = c.done() + c[failed] + c[rejected] + c[blocked] + c[cancelled] == c.total;
  const auto lost = c[failed] + c[rejected] != 0; // Comes first, as in conclude().
  return overall == overall_status::in_progress && ended && !lost && c[cancelled] > 0
             ? overall_status::cancelled
             : overall;
}

std::int64_t end_of_run(const report_input& in) {
  if (in.exit_code < 0)
    return in.now_us;
  return in.state.ended_us > 0 ? in.state.ended_us : in.state.updated_us;
}

std::size_t count_earlier_errors(const execution_state& state) {
  return std::accumulate(
      state.phases.begin(), state.phases.end(), std::size_t{0},
      [](std::size_t sum, const phase_state& p) { return sum + p.earlier_errors; });
}

std::optional<duration> worked(const report_input& in, phase_index i) {
  const auto& s = in.state.phases[i];
  if (s.started_us == 0 || !in.history || in.history->imported(i))
    return std::nullopt;
  const auto before = in.history->attempts_before(i);
  if (before.unmeasured > 0)
    return std::nullopt;
  auto us = before.worked_us;
  for (const auto& a : in.history->attempts(i)) {
    const auto until_us = a.ended_us > 0 ? a.ended_us : in.now_us;
    if (until_us < a.started_us)
      return std::nullopt; // The clock was set back.
    us += until_us - a.started_us;
  }
  return duration{us / 1000};
}

std::vector<path_step> taken_path(const report_input& in) {
  constexpr auto npos = phase_lookup::npos;
  auto latest = [&in](phase_index best, phase_index i) {
    if (!measured(in, i) || (best != npos && end_of(in, i) <= end_of(in, best)))
      return best;
    return i;
  };
  auto at = npos;
  for (phase_index i = 0; i < in.state.phases.size(); ++i)
    at = latest(at, i);
  std::vector<path_step> result;
  while (at != npos) {
    result.push_back({at, in.state.phases[at].started_us, end_of(in, at), 0});
    const auto& before = in.definition.phases[at].dependencies;
    at = std::accumulate(before.begin(), before.end(), npos, latest);
    if (at != npos)
      result.back().waited_us =
          std::max<std::int64_t>(0, result.back().started_us - end_of(in, at));
  }
  std::reverse(result.begin(), result.end());
  return result;
}

std::vector<next_step> next_steps(const report_input& in, std::size_t limit) {
  auto wanted = find_needs(in);
  auto again = resume_command(in);
  std::vector<next_step> steps;
  for (std::size_t k = 0; k < wanted.size() && k < limit; ++k) {
    auto [n, i] = wanted[k];
    steps.push_back(step_for(in, i, n, again));
  }
  if (wanted.size() > limit)
    steps.push_back(
        {"And " + counted(wanted.size() - limit, "more phases that need a person."), ""});
  add_general_steps(in, steps);
  for (auto& s : steps)
    s = {masked(in, std::move(s.text)), masked(in, std::move(s.command))};
  return steps;
}

std::string evidence_text(const report_input& in, phase_index i) {
  auto detail = lenient::object(in.state.phases[i].detail);
  const auto& s = in.state.phases[i];
  const auto& checks = lenient::array(detail, "criteria");
  std::string result;
  if (!checks.empty()) {
    auto passed = std::count_if(checks.begin(), checks.end(),
                                [](const ordered_json& c) { return lenient::flag(c, "passed"); });
    result = std::to_string(passed) + "/" + std::to_string(checks.size()) + " checks";
  }
  auto add = [&](const std::string& text) { result += (result.empty() ? "" : "; ") + text; };
  auto by = lenient::text(detail, "by");
  auto reason = lenient::text(detail, "reason");
  if (in.history && in.history->imported(i))
    add("imported, not measured by us");
  else if (s.status == phase_status::blocked)
    add(by.empty() ? reason : "behind phase " + by);
  else if (s.status == phase_status::failed || s.status == phase_status::retry_wait)
    add(lenient::text(detail, "class") + ": " + lenient::text(detail, "message"));
  else if (is_person(by))
    add((lenient::flag(detail, "override") ? "OVERRIDE by " : "by ") + by
        + (reason.empty() ? "" : ": " + reason));
  else if (!reason.empty())
    add(reason);
  else if (s.status == phase_status::approved && checks.empty())
    add("no criteria defined");
  return masked(in, plain_line(result));
}

next_step step_of(const report_input& in, phase_index i) {
  auto n = need_of(in.state.phases[i], lenient::object(in.state.phases[i].detail));
  if (n == need::none)
    return {};
  auto step = step_for(in, i, n, resume_command(in));
  return {masked(in, std::move(step.text)), masked(in, std::move(step.command))};
}

std::string to_text(const std::vector<next_step>& steps) {
  std::string result;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    result += steps[i].text + "\n";
    auto last_of_its_kind = i + 1 == steps.size() || steps[i + 1].command != steps[i].command;
    if (!steps[i].command.empty() && last_of_its_kind)
      result += "    " + steps[i].command + "\n";
  }
  return result;
}

std::size_t count_overridden(const execution_state& state) {
  return static_cast<std::size_t>(std::ranges::count_if(state.phases, [](const phase_state& s) {
    return s.status == phase_status::approved && is_override(s.detail);
  }));
}

namespace {

/// Of phases that a person approved all the same.
std::string overridden_words(const execution_state& state) {
  const auto n = count_overridden(state);
  return n == 0 ? ""
                : ", " + format_count(n) + " of them although " + (n == 1 ? "it" : "they")
                      + " had failed";
}

} // namespace

std::string outcome_sentence(const report_input& in) {
  auto counts = count_phases(in.state);
  const auto us = end_of_run(in) - in.state.started_us;
  const auto took = us < 0 ? std::string{"a time that was not measured"} // The clock was set back.
                           : format_duration(duration{us / 1000});
  auto approved = counts[phase_status::approved];
  auto skipped = counts[phase_status::skipped];
  auto of_all = format_count(approved) + " of " + format_count(counts.total) + " phases approved";
  if (skipped > 0)
    of_all += ", " + counted(skipped, "skipped");
  if (counts.total == 0)
    return "The plan has no phases.";
  if (counts.done() == counts.total)
    return skipped == 0
               ? (counts.total == 1 ? std::string{"The phase was approved in "}
                                    : "All " + format_count(counts.total) + " phases approved in ")
                     + took + overridden_words(in.state) + "."
               : "Done in " + took + ": " + of_all + overridden_words(in.state) + ".";
  auto rest = of_all + "; " + open_counts(counts) + ".";
  switch (in.state.overall) {
  case overall_status::interrupted:
    // Nobody interrupted a run of chosen phases (--only, --from) that came to its end.
    return (in.exit_code == 0 ? "The chosen phases ended after " : "Interrupted after ") + took
           + ": " + rest;
  case overall_status::cancelled:
    return "Cancelled after " + took + ": " + rest;
  case overall_status::failed:
    return (in.exit_code == 78 ? "Stopped by a configuration error after " : "Failed after ") + took
           + ": " + rest;
  case overall_status::waiting_approval:
    return (in.exit_code < 0 ? "Waiting for a person after "
                             : "Stopped to wait for a person after ")
           + took + ": " + rest;
  case overall_status::paused:
    return "Paused after " + took + ": " + rest;
  default:
    return (in.exit_code < 0 ? "Running for " : "Stopped after ") + took + ": " + rest;
  }
}

} // namespace aeo::core
