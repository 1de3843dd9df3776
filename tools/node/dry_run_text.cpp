#include "tools/node/dry_run_text.hpp"

#include "actors/core/criteria.hpp"
#include "actors/core/graph.hpp"
#include "actors/core/text.hpp"
#include "tools/node/dry_run.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <ostream>

namespace aeo::node {

namespace {

using core::format_count;
using core::format_duration;

constexpr std::size_t in_full_up_to = 50;
constexpr std::size_t one_line_up_to = 200;
constexpr std::size_t shown_problems = 50;

/// All text goes through here: one masked line each.
class printer {
public:
  printer(std::ostream& out, const core::mask_function& mask) : out_(out), mask_(mask) {}
  template <class... Args>
  void operator()(fmt::format_string<Args...> format, Args&&... args) {
    auto text = fmt::format(format, std::forward<Args>(args)...);
    out_ << core::plain_line(mask_ ? mask_(text) : text) << "\n";
  }
  void gap() { out_ << "\n"; }

private:
  std::ostream& out_;
  const core::mask_function& mask_;
};

std::string many(std::size_t n, std::string_view what) {
  return fmt::format("{} {}{}", format_count(n), what, n == 1 ? "" : "s");
}

std::string_view verb(planned_action a) {
  switch (a) {
  case planned_action::run:
    return "runs at once";
  case planned_action::wait:
    return "runs";
  case planned_action::skip:
    return "does not run";
  default:
    return "needs a person";
  }
}

std::string took(const dry_run_input& in, phase_index i) {
  auto known = in.history ? in.history(i) : std::nullopt;
  return known ? "took " + format_duration(*known) + " before" : "no history";
}

std::string headline(const dry_run_input& in, const dry_run_result& r, phase_index i) {
  const auto& x = r.phases[i];
  auto between = x.action == planned_action::wait ? " " : ": ";
  return fmt::format("{}: {}{}{}", title(in.definition.phases[i]), verb(x.action), between, x.why);
}

void write_head(printer& print, const dry_run_input& in, const dry_run_result& r) {
  const auto& d = in.definition;
  std::size_t tasks = 0;
  for (const auto& p : d.phases)
    tasks += p.tasks.size();
  auto slots = d.options.max_parallel > 0 ? d.options.max_parallel : in.processors;
  print("Dry run: nothing is executed and nothing is changed.");
  print("Plan {}", d.hash.empty() ? "(no hash)" : d.hash);
  print("{} with {} in {}; at most {} at a time; mode {}", many(d.phases.size(), "phase"),
        many(tasks, "task"), many(r.levels.size(), "level"), many(slots, "task"),
        to_string(d.options.mode));
  std::array<std::size_t, 4> counts{};
  for (const auto& p : r.phases)
    ++counts.at(static_cast<std::size_t>(p.action));
  print("{} would run at once, {} later, {} not, {} need a person first", format_count(counts[0]),
        format_count(counts[1]), format_count(counts[2]), format_count(counts[3]));
  if (in.state)
    print("Continues the execution {} with --resume", in.state->id);
}

void write_task(printer& print, const task_def& t) {
  print("      {}  {}", t.id, core::shell_join(t.command));
  std::string more;
  auto add = [&more](const std::string& text) { more += (more.empty() ? "" : ", ") + text; };
  if (!t.cwd.empty() && t.cwd != ".")
    add("in " + t.cwd);
  if (t.timeout.count() > 0)
    add("timeout " + format_duration(t.timeout));
  for (const auto& [name, value] : t.env)
    add("with " + name);
  if (t.continue_on_error)
    add("may fail");
  if (t.on_crash != crash_policy::adopt)
    add("on_crash " + std::string{to_string(t.on_crash)});
  if (!more.empty())
    print("          ({})", more);
}

void write_phase(printer& print, const dry_run_input& in, const dry_run_result& r, phase_index i) {
  const auto& d = in.definition;
  const auto& p = d.phases[i];
  print("  {}", headline(in, r, i));
  if (r.phases[i].action == planned_action::skip)
    return;
  for (const auto& t : p.tasks)
    write_task(print, t);
  const auto criteria = criteria_of(p);
  for (const auto& [type, text] : criteria)
    print("      criterion: {}", text);
  if (criteria.empty())
    print("      criteria: none");
  print("      approval: {}", describe_approval(d, p));
  print("      timeout {}{}; {}; {}", format_duration(d.timeout_of(p)),
        p.total_timeout.count() > 0 ? ", in all " + format_duration(p.total_timeout) : "",
        describe(d.retry_of(p)), took(in, i));
}

void write_levels_in_brief(printer& print, const dry_run_input& in, const dry_run_result& r) {
  constexpr std::size_t first_levels = 30;
  constexpr std::size_t examples = 4;
  for (std::size_t k = 0; k < r.levels.size(); ++k) {
    if (k == first_levels && r.levels.size() > first_levels + 2) {
      print("... {} more; --json has them all", many(r.levels.size() - k - 1, "level"));
      k = r.levels.size() - 1;
    }
    const auto& level = r.levels[k];
    std::string names;
    for (std::size_t n = 0; n < std::min(examples, level.size()); ++n)
      names += (n == 0 ? "" : ", ") + in.definition.phases[level[n]].id;
    if (level.size() > examples)
      names += fmt::format(", ... {}", in.definition.phases[level.back()].id);
    print("Level {}: {}: {}", k, many(level.size(), "phase"), names);
  }
}

void write_levels(printer& print, const dry_run_input& in, const dry_run_result& r) {
  auto n = in.definition.phases.size();
  if (n > one_line_up_to) {
    write_levels_in_brief(print, in, r);
    return;
  }
  for (std::size_t k = 0; k < r.levels.size(); ++k) {
    print("Level {}", k);
    for (auto i : r.levels[k])
      if (n <= in_full_up_to)
        write_phase(print, in, r, i);
      else
        print("  {}", headline(in, r, i));
  }
}

/// What keeps large plans from running by themselves, phase by phase.
void write_stuck(printer& print, const dry_run_input& in, const dry_run_result& r) {
  constexpr std::size_t shown = 20;
  if (in.definition.phases.size() <= one_line_up_to)
    return;
  std::size_t n = 0;
  for (phase_index i = 0; i < r.phases.size(); ++i)
    if (r.phases[i].action == planned_action::stuck && !r.phases[i].why.starts_with("behind")
        && n++ < shown)
      print("  {}", headline(in, r, i));
  if (n > shown)
    print("  ... and {} more", format_count(n - shown));
}

void write_path(printer& print, const dry_run_input& in, const dry_run_result& r) {
  constexpr std::size_t shown = 24;
  if (r.critical_path.empty()) {
    print("Critical path: nothing would run.");
    return;
  }
  std::string path;
  for (std::size_t k = 0; k < r.critical_path.size(); ++k) {
    if (k == shown / 2 && r.critical_path.size() > shown) {
      path += " -> ...";
      k = r.critical_path.size() - shown / 2;
    }
    path += (k == 0 ? "" : " -> ") + in.definition.phases[r.critical_path[k]].id;
  }
  print("Critical path ({}): {}", many(r.critical_path.size(), "phase"), path);
  if (r.without_history == r.critical_path.size())
    print("  no history: it is the longest chain by number of phases");
  else if (r.without_history > 0)
    print("  at least {}; no history for {} of it", format_duration(r.critical_total),
          many(r.without_history, "phase"));
  else
    print("  {} by what the phases took before", format_duration(r.critical_total));
}

void write_problems(printer& print, const dry_run_input& in, const dry_run_result& r) {
  if (r.problems.empty()) {
    print("{}", in.find_command
                    ? "No problems found: the plan is valid and its commands exist."
                    : "No problems found: the plan is valid; commands were not looked up.");
    return;
  }
  print("{} found; the execution would end with 78:", many(r.problems.size(), "problem"));
  for (std::size_t k = 0; k < std::min(shown_problems, r.problems.size()); ++k)
    print("  phase {}, {}: {}", in.definition.phases[r.problems[k].phase].id, r.problems[k].task,
          r.problems[k].text);
  if (r.problems.size() > shown_problems)
    print("  ... and {} more; --json has them all",
          format_count(r.problems.size() - shown_problems));
}

std::string number_text(double x) {
  return fmt::format("{}", x);
}

std::string range_text(const check_def& c, std::string_view exact_word) {
  if (!c.exact.empty())
    return fmt::format(" {} {}", exact_word, c.exact);
  std::string result;
  if (c.min)
    result += " >= " + number_text(*c.min);
  if (c.max)
    result += " <= " + number_text(*c.max);
  return result;
}

} // namespace

std::string title(const phase_def& p) {
  return p.name.empty() || p.name == p.id ? p.id : p.id + " " + p.name;
}

std::string describe(const check_def& c) {
  std::string head{to_string(c.type)};
  switch (c.type) {
  case check_type::metric_threshold:
    return fmt::format("{} {}#{}{}", head, c.path, c.metric, range_text(c, "="));
  case check_type::json_schema:
    return fmt::format("{} {} by {}", head, c.path, c.schema);
  case check_type::command:
    return fmt::format("{} {} exits with {}", head, core::shell_join(c.command), c.expect_exit);
  case check_type::file_count:
    return fmt::format("{} {}{}", head, c.path, range_text(c, "="));
  case check_type::max_age:
    return fmt::format("{} {} at most {} old", head, c.path, format_duration(c.age));
  default:
    return head + " " + c.path;
  }
}

std::vector<std::pair<std::string, std::string>> criteria_of(const phase_def& p) {
  std::vector<std::pair<std::string, std::string>> result;
  for (const auto& output : core::gate_outputs(p))
    if (output.role != core::output_role::recorded)
      result.emplace_back(to_string(output.role), std::string{to_string(output.role)} + " "
                                                      + output.path + " is written by this run");
  if (p.criteria)
    for (const auto& c : p.criteria->checks)
      result.emplace_back(to_string(c.type), describe(c));
  return result;
}

std::string describe_approval(const plan& d, const phase_def& p) {
  auto asks = d.options.mode == execution_mode::manual
              || (p.approval && p.approval->mode == approval_mode::manual);
  if (!asks)
    return criteria_of(p).empty() ? "its tasks' exit codes decide" : "criteria decide";
  const approval_policy standard;
  const auto& a = p.approval ? *p.approval : standard;
  std::string from;
  for (const auto& f : a.from)
    from += (from.empty() ? "" : ", ") + f;
  auto text = fmt::format("criteria, then {} of {}", many(a.required, "person"), from);
  if (!a.allow_self)
    text += ", not the one who started it";
  if (a.deadline.count() > 0)
    text += fmt::format(", within {}, else {}", format_duration(a.deadline),
                        a.on_deadline == deadline_action::reject ? "rejected" : "it keeps waiting");
  return text;
}

std::string describe(const retry_policy& r) {
  if (r.max_retries == 0)
    return "no retries";
  return fmt::format("{}, after {} times {}^n, at most {}{}",
                     r.max_retries == 1 ? "1 retry" : fmt::format("{} retries", r.max_retries),
                     format_duration(r.retry_delay), r.backoff_multiplier,
                     format_duration(r.max_retry_delay), r.full_jitter ? ", jittered" : "");
}

void write_text(std::ostream& out, const dry_run_input& in, const dry_run_result& r) {
  printer print{out, in.mask};
  write_head(print, in, r);
  print.gap();
  write_levels(print, in, r);
  write_stuck(print, in, r);
  print.gap();
  write_path(print, in, r);
  write_problems(print, in, r);
}

} // namespace aeo::node
