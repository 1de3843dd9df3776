#include "actors/core/decisions.hpp"

#include "actors/core/lenient_json.hpp"
#include "actors/core/run_history.hpp"
#include "actors/core/text.hpp"
#include "config/characters.hpp"

#include <algorithm>

namespace aeo::core {

namespace {

using nlohmann::ordered_json;

std::string_view user_of(std::string_view started_by) {
  return started_by.substr(0, started_by.find('@'));
}

/// Whether two names may be one person's. That alice and github:alice are two people cannot be
/// known, so that they count as one.
bool may_be_one(std::string_view a, std::string_view b) {
  for (auto* name : {&a, &b})
    if (name->starts_with(github_prefix))
      name->remove_prefix(github_prefix.size());
  return std::ranges::equal(a, b, {}, config::to_lower, config::to_lower);
}

bool is_starter(std::string_view who, std::string_view started_by) {
  return may_be_one(who, started_by) || may_be_one(who, user_of(started_by));
}

ordered_json to_json(const voice& x) {
  return {{"by", x.by}, {"comment", x.comment}, {"time_us", x.time_us}};
}

/// Names and comments of all voices, as an approval's "by" and "comment".
void join(std::string& to, std::string_view text, std::string_view separator) {
  if (!text.empty())
    to.append(to.empty() ? "" : separator).append(text);
}

} // namespace

waiting_gate read_waiting(std::string_view data) {
  const auto json = lenient::object(data);
  waiting_gate result;
  result.digest = lenient::text(json, "digest");
  result.deadline_us = lenient::number(json, "deadline_us").value_or(0);
  for (const auto& vote : lenient::array(json, "votes"))
    result.voices.push_back({lenient::text(vote, "by"), lenient::text(vote, "comment"),
                             lenient::number(vote, "time_us").value_or(0)});
  return result;
}

std::string keep_waiting(const std::string& data, std::string_view earlier,
                         const approval_policy& policy, std::int64_t now_us) {
  const auto before = read_waiting(earlier);
  auto json = lenient::object(data);
  auto deadline = before.deadline_us;
  if (deadline == 0 && policy.deadline.count() > 0)
    deadline = now_us + policy.deadline.count() * 1000;
  if (deadline != 0)
    json["deadline_us"] = deadline;
  if (!before.voices.empty() && before.digest == lenient::text(json, "digest"))
    for (const auto& x : before.voices)
      json["votes"].push_back(to_json(x));
  return lenient::dump(json);
}

std::string void_voices(std::string_view earlier, std::string_view now) {
  const auto before = read_waiting(earlier);
  if (before.voices.empty() || before.digest == read_waiting(now).digest)
    return {};
  std::string names;
  for (const auto& x : before.voices)
    join(names, x.by, ", ");
  return "the approvals of " + names
         + " do not count any more: its definition, outputs or criteria are not what they "
           "reviewed; it waits for them anew";
}

std::string add_voice(std::string_view waiting_data, const voice& x) {
  auto json = lenient::object(waiting_data);
  json["votes"].push_back(to_json(x));
  return lenient::dump(json);
}

std::string why_not_counted(const approval_policy& policy, const waiting_gate& gate,
                            const operator_decision& decision, std::string_view started_by) {
  const auto allowed = std::ranges::any_of(policy.from, [&](const std::string& who) {
    return who == decision.by || who == to_string(decision.role);
  });
  if (!allowed) {
    std::string names;
    for (const auto& who : policy.from)
      join(names, who, ", ");
    return "the plan leaves this approval to " + names + "; " + decision.by + " is "
           + std::string{to_string(decision.role)};
  }
  if (!policy.allow_self && is_starter(decision.by, started_by))
    return decision.by
           + " started this execution, and the plan wants somebody else's approval "
             "(allow_self is false)";
  for (const auto& x : gate.voices)
    if (may_be_one(decision.by, x.by))
      return x.by + " has approved already; " + std::to_string(policy.required)
             + " different people must"
             + (x.by == decision.by ? "" : ", and " + decision.by + " may be the same one");
  return {};
}

std::string why_not_alone(const approval_policy& policy, const operator_decision& decision,
                          std::string_view started_by) {
  if (policy.required > 1)
    return "the plan wants " + std::to_string(policy.required) + " people for phase "
           + decision.request.phase + ": one alone does not open its gate";
  return why_not_counted(policy, {}, decision, started_by);
}

std::string who_alone(const approval_policy& policy, std::string_view started_by) {
  if (policy.required > 1)
    return {};
  std::string names;
  auto by_role = false;
  for (const auto& who : policy.from) {
    const auto is_role = who == to_string(access_role::operator_);
    by_role = by_role || is_role;
    if (is_role || policy.allow_self || !is_starter(who, started_by))
      join(names, who, ", ");
  }
  if (by_role && !policy.allow_self)
    names.append(", but not ").append(user_of(started_by)).append(" who started the run");
  return names;
}

std::string why_not_again(std::string_view phase, const phase_state& p) {
  const auto by = lenient::text(lenient::object(p.detail), "by");
  const auto id = std::string{phase};
  return "phase " + id + " is approved already (by " + (is_person(by) ? by : "its criteria")
         + " at " + short_time(p.ended_us) + ", attempt " + std::to_string(p.attempt)
         + "); to run it again all the same: aeo-control retry " + shell_quote(id) + " --force";
}

std::string made_before_change(std::string_view what, std::string_view phase, bool force) {
  const auto retry = "aeo-control retry " + shell_quote(phase) + (force ? " --force" : "");
  auto text = std::string{what} + " was made before the phase's definition changed, and ";
  if (!force)
    return text + "its tasks are not run again by themselves: " + retry + " runs them";
  return text + "its tasks that run or have ended are not run again by themselves: when it has "
         + "ended, " + retry
         + " runs them; one that was ended early, or whose outcome is lost, runs "
         + "again as the plan has it now, unless its on_crash says otherwise";
}

std::string approved_by_people(std::string_view waiting_data) {
  auto json = lenient::object(waiting_data);
  const auto gate = read_waiting(waiting_data);
  std::string by;
  std::string comment;
  for (const auto& x : gate.voices) {
    join(by, x.by, ", ");
    join(comment, x.comment, "; ");
  }
  ordered_json result{{"by", by}};
  if (!comment.empty())
    result["comment"] = comment;
  for (const char* key : {"votes", "criteria", "outputs", "digest"})
    if (auto found = json.find(key); found != json.end())
      result[key] = std::move(*found);
  return lenient::dump(result);
}

std::string overridden_data(std::string_view failed_data, const operator_decision& decision) {
  auto json = lenient::object(failed_data);
  ordered_json result{{"by", decision.by},
                      {"override", true},
                      {"reason", decision.request.reason},
                      {"overridden", lenient::text(json, "message")}};
  for (const char* key : {"criteria", "outputs", "digest"})
    if (auto found = json.find(key); found != json.end())
      result[key] = std::move(*found);
  return lenient::dump(result);
}

std::string decided_data(const operator_decision& decision) {
  return lenient::dump(ordered_json{{"by", decision.by},
                                    {"reason", decision.request.reason},
                                    {"role", to_string(decision.role)},
                                    {"from", decision.from}});
}

event make_audit(const operator_decision& decision, bool done, std::string_view outcome,
                 std::int64_t now_us, bool known_phase) {
  const auto& asked = decision.request;
  ordered_json data{{"by", decision.by},     {"role", to_string(decision.role)},
                    {"from", decision.from}, {"command", to_string(asked.command)},
                    {"done", done},          {"outcome", outcome}};
  if (!asked.reason.empty())
    data["reason"] = asked.reason;
  if (!asked.digest.empty())
    data["digest"] = asked.digest;
  if (asked.override_criteria)
    data["override"] = true;
  if (asked.downstream)
    data["downstream"] = true;
  if (asked.force)
    data["force"] = true;
  if (!known_phase && !asked.phase.empty())
    data["phase"] = asked.phase;
  return {.time_us = now_us,
          .kind = event_kind::audit,
          .phase = known_phase ? asked.phase : std::string{},
          .task = {},
          .data = lenient::dump(data)};
}

event make_credential_audit(const credential_change& x, std::int64_t now_us) {
  const auto outcome = x.revoked ? x.name + " may attach no more"
                                 : x.name + " may attach as " + std::string{to_string(x.role)}
                                       + " until " + short_time(x.expires_us);
  return {.time_us = now_us,
          .kind = event_kind::audit,
          .phase = {},
          .task = {},
          .data = lenient::dump(
              ordered_json{{"by", x.by},
                           {"command", x.revoked ? "credential revoke" : "credential issue"},
                           {"credential", x.name},
                           {"role", to_string(x.role)},
                           {"done", true},
                           {"outcome", outcome}})};
}

event make_look(const operator_decision& who, std::string_view command, std::int64_t now_us) {
  return {.time_us = now_us,
          .kind = event_kind::audit,
          .phase = {},
          .task = {},
          .data = lenient::dump(ordered_json{{"by", who.by},
                                             {"role", to_string(who.role)},
                                             {"from", who.from},
                                             {"command", command},
                                             {"done", true},
                                             {"outcome", "it was told where the run stands"}})};
}

event make_refusal(std::string_view from, std::string_view why, std::int64_t now_us) {
  return {
      .time_us = now_us,
      .kind = event_kind::audit,
      .phase = {},
      .task = {},
      .data = lenient::dump(ordered_json{
          {"by", ""}, {"from", from}, {"command", "attach"}, {"done", false}, {"outcome", why}})};
}

} // namespace aeo::core
