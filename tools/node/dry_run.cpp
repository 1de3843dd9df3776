#include "tools/node/dry_run.hpp"

#include "actors/core/graph.hpp"
#include "actors/core/lenient_json.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>
#include <tuple>

namespace aeo::node {

namespace {

bool left_out(const dry_run_input& in, phase_index i) {
  return i < in.selected.size() && !in.selected[i];
}

const phase_state* state_of(const dry_run_input& in, phase_index i) {
  return in.state && i < in.state->phases.size() ? &in.state->phases[i] : nullptr;
}

std::string by_text(const phase_state& s) {
  auto detail = core::lenient::object(s.detail);
  auto by = core::lenient::text(detail, "by");
  auto reason = core::lenient::text(detail, "reason");
  return (by.empty() ? "" : " by " + by) + (reason.empty() ? "" : ": " + reason);
}

std::string failure_of(const phase_state& s) {
  auto message = core::lenient::text(core::lenient::object(s.detail), "message");
  if (message.empty() && !s.errors.empty())
    message = s.errors.back().message;
  return message.empty() ? "" : " (" + message + ")";
}

/// "1, 2, 3 and 40 more": those of the dependencies that `pick` wants.
template <class Pick>
std::string ids_of(const dry_run_input& in, phase_index i, Pick pick) {
  constexpr std::size_t shown = 8;
  std::string result;
  std::size_t n = 0;
  for (auto d : in.definition.phases[i].dependencies) {
    if (!pick(d) || ++n > shown)
      continue;
    result += (n == 1 ? "" : ", ") + in.definition.phases[d].id;
  }
  return n > shown ? result + fmt::format(" and {} more", n - shown) : result;
}

/// What the earlier run left the phase in, where that decides; nullopt: its dependencies do.
std::optional<planned_phase> by_state(const phase_state& s) {
  switch (s.status) {
  case phase_status::approved:
    return planned_phase{planned_action::skip, 0, "approved already" + by_text(s)};
  case phase_status::skipped:
    return planned_phase{planned_action::skip, 0, "skipped" + by_text(s)};
  case phase_status::rejected:
    return planned_phase{planned_action::stuck, 0, "rejected" + by_text(s)};
  case phase_status::waiting_approval:
    return planned_phase{planned_action::stuck, 0, "waits for a person" + by_text(s)};
  default:
    return std::nullopt;
  }
}

/// What else the earlier run left to say.
std::string remark(const phase_state* s) {
  if (s == nullptr)
    return {};
  switch (s->status) {
  case phase_status::in_progress:
    return "; was running: adopted where it still runs, else on_crash decides";
  case phase_status::failed:
    return "; failed before" + failure_of(*s) + ", is tried again";
  case phase_status::cancelled:
    return "; was cancelled" + by_text(*s) + ", is tried again";
  case phase_status::retry_wait:
    return "; attempt " + std::to_string(s->attempt) + " failed" + failure_of(*s)
           + ", its retry is due at " + core::short_time(s->retry_at_us);
  case phase_status::completed:
    return "; its tasks are done, its criteria are evaluated again";
  default:
    return {};
  }
}

planned_phase decide(const dry_run_input& in, const dry_run_result& r, phase_index i) {
  const auto* s = state_of(in, i);
  if (s != nullptr)
    if (auto decided = by_state(*s))
      return *decided;
  if (left_out(in, i))
    return {planned_action::skip, 0, "left out by --from or --only"};
  auto has = [&](planned_action a) {
    return [&r, a](phase_index d) { return r.phases[d].action == a; };
  };
  if (auto behind = ids_of(in, i, has(planned_action::stuck)); !behind.empty())
    return {planned_action::stuck, 0, "behind " + behind};
  auto after =
      ids_of(in, i, [&r](phase_index d) { return r.phases[d].action != planned_action::skip; });
  if (!after.empty())
    return {planned_action::wait, 0, "after " + after + remark(s)};
  auto free = in.definition.phases[i].dependencies.empty();
  return {planned_action::run, 0,
          (free ? "has no dependencies" : "its dependencies are open") + remark(s)};
}

/// Each command is looked up once per folder and PATH.
class command_finder {
public:
  explicit command_finder(const dry_run_input& in) : in_(in) {}
  bool exists(const std::string& program, const std::string& path, const std::string& cwd) {
    if (!in_.find_command)
      return true;
    auto [i, is_new] = known_.try_emplace({program, path, cwd}, false);
    if (is_new)
      i->second = in_.find_command(program, path, cwd).has_value();
    return i->second;
  }

private:
  const dry_run_input& in_;
  std::map<std::tuple<std::string, std::string, std::string>, bool> known_;
};

void find_problems(const dry_run_input& in, phase_index i, command_finder& finder,
                   std::vector<dry_run_problem>& out) {
  const auto& p = in.definition.phases[i];
  auto check = [&](const std::vector<std::string>& argv, const std::string& task,
                   const std::string& path, const std::string& cwd) {
    if (argv.empty())
      out.push_back({i, task, "has no command"});
    else if (!finder.exists(argv[0], path, cwd))
      out.push_back({i, task,
                     "command not found: " + core::shell_quote(argv[0])
                         + (cwd.empty() ? "" : " (in the folder " + core::shell_quote(cwd) + ")")});
  };
  for (const auto& t : p.tasks)
    check(t.command, t.id, path_of(t.env), t.cwd);
  if (!p.criteria)
    return;
  for (std::size_t k = 0; k < p.criteria->checks.size(); ++k)
    if (const auto& c = p.criteria->checks[k]; c.type == check_type::command)
      check(c.command, "criteria." + std::to_string(k), {}, {});
}

void find_path(const dry_run_input& in, const core::ready_graph& graph, dry_run_result& r) {
  auto runs = [&r](phase_index i) { return r.phases[i].action != planned_action::skip; };
  std::vector<std::optional<duration>> known(r.phases.size());
  std::vector<duration> sorted;
  for (phase_index i = 0; in.history && i < known.size(); ++i)
    if (runs(i) && (known[i] = in.history(i)))
      sorted.push_back(*known[i]);
  // A phase without history weighs as much as the median one, so that it does not vanish; the
  // total counts only what was measured.
  duration typical{1};
  if (!sorted.empty()) {
    auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    typical = std::max(typical, *middle);
  }
  auto path = graph.critical_path(
      [&](phase_index i) { return runs(i) ? known[i].value_or(typical) : duration{0}; });
  for (auto i : path.phases) {
    if (!runs(i))
      continue;
    r.critical_path.push_back(i);
    if (known[i])
      r.critical_total += *known[i];
    else
      ++r.without_history;
  }
}

} // namespace

std::string path_of(const env_list& env) {
  auto i = std::find_if(env.rbegin(), env.rend(), [](const auto& v) { return v.first == "PATH"; });
  return i == env.rend() ? std::string{} : i->second;
}

dry_run_result examine(const dry_run_input& in) {
  dry_run_result r;
  core::ready_graph graph{in.definition};
  r.levels = graph.levels();
  r.phases.resize(in.definition.phases.size());
  std::uint32_t level = 0;
  for (const auto& phases : r.levels) {
    for (auto i : phases) {
      r.phases[i] = decide(in, r, i);
      r.phases[i].level = level;
    }
    ++level;
  }
  command_finder finder{in};
  for (phase_index i = 0; i < r.phases.size(); ++i)
    if (r.phases[i].action != planned_action::skip)
      find_problems(in, i, finder, r.problems);
  find_path(in, graph, r);
  return r;
}

std::string_view to_string(planned_action a) {
  switch (a) {
  case planned_action::run:
    return "run";
  case planned_action::wait:
    return "wait";
  case planned_action::skip:
    return "skip";
  default:
    return "stuck";
  }
}

} // namespace aeo::node
