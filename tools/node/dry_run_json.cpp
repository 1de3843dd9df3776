#include "actors/core/lenient_json.hpp"
#include "tools/node/dry_run.hpp"
#include "tools/node/dry_run_text.hpp"

#include <array>
#include <ostream>

namespace aeo::node {

namespace {

using json = nlohmann::ordered_json;

double seconds(duration d) {
  return static_cast<double>(d.count()) / 1000;
}

json ids(const dry_run_input& in, const std::vector<phase_index>& list) {
  auto result = json::array();
  for (auto i : list)
    result.push_back(in.definition.phases[i].id);
  return result;
}

json task_json(const phase_def& p, const task_def& t) {
  json x{{"id", t.id}, {"name", t.label()}, {"command", t.command}};
  x["shell"] = core::shell_join(t.command);
  x["cwd"] = t.cwd.empty() ? "." : t.cwd;
  // Values of variables stay out: what is secret need not look so.
  x["env"] = json::array();
  for (const auto& [name, value] : t.env)
    x["env"].push_back(name);
  x["needs"] = json::array();
  for (auto n : t.needs)
    x["needs"].push_back(p.tasks[n].id);
  x["outputs"] = t.outputs;
  x["timeout_seconds"] = t.timeout.count() > 0 ? json(seconds(t.timeout)) : json();
  x["on_crash"] = to_string(t.on_crash);
  x["continue_on_error"] = t.continue_on_error;
  return x;
}

json criteria_json(const phase_def& p) {
  auto result = json::array();
  for (const auto& [type, text] : criteria_of(p))
    result.push_back({{"type", type}, {"text", text}});
  return result;
}

json retry_json(const retry_policy& r) {
  return {{"max_retries", r.max_retries},
          {"retry_delay_seconds", seconds(r.retry_delay)},
          {"backoff_multiplier", r.backoff_multiplier},
          {"max_retry_delay_seconds", seconds(r.max_retry_delay)},
          {"jitter", r.full_jitter ? "full" : "none"}};
}

json phase_json(const dry_run_input& in, const dry_run_result& r, phase_index i) {
  const auto& p = in.definition.phases[i];
  const auto& planned = r.phases[i];
  json x{{"id", p.id}, {"name", p.label()}, {"level", planned.level}};
  x["action"] = to_string(planned.action);
  x["why"] = planned.why;
  if (in.state && i < in.state->phases.size())
    x["status"] = to_string(in.state->phases[i].status);
  x["dependencies"] = ids(in, p.dependencies);
  x["tasks"] = json::array();
  for (const auto& t : p.tasks)
    x["tasks"].push_back(task_json(p, t));
  x["criteria"] = criteria_json(p);
  x["approval"] = describe_approval(in.definition, p);
  x["retry"] = retry_json(in.definition.retry_of(p));
  x["timeout_seconds"] = seconds(in.definition.timeout_of(p));
  x["total_timeout_seconds"] =
      p.total_timeout.count() > 0 ? json(seconds(p.total_timeout)) : json();
  auto known = in.history ? in.history(i) : std::nullopt;
  x["earlier_duration_seconds"] = known ? json(seconds(*known)) : json();
  return x;
}

json problems_json(const dry_run_input& in, const dry_run_result& r) {
  auto result = json::array();
  for (const auto& p : r.problems)
    result.push_back(
        {{"phase", in.definition.phases[p.phase].id}, {"task", p.task}, {"text", p.text}});
  return result;
}

json path_json(const dry_run_input& in, const dry_run_result& r) {
  return {{"phases", ids(in, r.critical_path)},
          {"known_seconds",
           r.without_history == r.critical_path.size() ? json() : json(seconds(r.critical_total))},
          {"without_history", r.without_history}};
}

} // namespace

void write_json(std::ostream& out, const dry_run_input& in, const dry_run_result& r) {
  auto masked = [&in](json x) {
    core::lenient::mask_strings(x, in.mask);
    return core::lenient::dump(x);
  };
  out << "{\n  \"report\": \"dry_run\",\n  \"plan_hash\": " << masked(in.definition.hash)
      << ",\n  \"exit_code\": " << r.exit_code()
      << ",\n  \"mode\": " << masked(to_string(in.definition.options.mode))
      << ",\n  \"execution_id\": " << masked(in.state ? json(in.state->id) : json())
      << ",\n  \"max_parallel\": "
      << (in.definition.options.max_parallel > 0 ? in.definition.options.max_parallel
                                                 : in.processors)
      << ",\n  \"problems\": " << masked(problems_json(in, r))
      << ",\n  \"critical_path\": " << masked(path_json(in, r)) << ",\n  \"levels\": [";
  for (std::size_t k = 0; k < r.levels.size(); ++k)
    out << (k == 0 ? "\n    " : ",\n    ") << masked(ids(in, r.levels[k]));
  out << "\n  ],\n  \"phases\": [";
  for (phase_index i = 0; i < r.phases.size(); ++i)
    out << (i == 0 ? "\n    " : ",\n    ") << masked(phase_json(in, r, i));
  out << "\n  ]\n}\n";
}

} // namespace aeo::node
