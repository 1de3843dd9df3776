// What people ask for in comments, and commit statuses: parts of the github actor.

#include "actors/core/decisions.hpp"
#include "actors/github.hpp"

#include <utility>

namespace aeo {

namespace {

control_command command_of(core::chat_command::verb x) {
  using verb = core::chat_command::verb;
  switch (x) {
  case verb::approve:
    return control_command::approve;
  case verb::reject:
    return control_command::reject;
  case verb::retry:
    return control_command::retry;
  default:
    return control_command::skip;
  }
}

bool opens_a_gate(control_command x) {
  return x == control_command::approve || x == control_command::skip;
}

operator_decision decision_of(const core::chat_desk::order& order) {
  operator_decision result;
  result.request.command = command_of(order.command.what);
  result.request.phase = order.command.phase;
  result.request.reason = order.command.text;
  result.by = std::string{core::github_prefix} + order.login;
  result.role =
      order.may == core::chat_desk::right::write ? access_role::operator_ : access_role::viewer;
  result.from = order.url;
  return result;
}

} // namespace

/// The oldest command, once its author is known; the next one when this one's audit is durable.
void github_state::decide_next() {
  if (!desk || deciding || finishing || over)
    return;
  const auto order = desk->ready(now_us());
  if (!order)
    return;
  deciding = true;
  const auto decision = decision_of(*order);
  if (auto why = why_not(*order, decision); !why.empty()) {
    if (order->may == core::chat_desk::right::none
        && !desk->may_be_answered(order->login, now_us()))
      return decided();
    return refuse(*order, decision, why);
  }
  if (order->command.what == core::chat_command::verb::status)
    return record(core::make_look(decision, "status", deps.context->now_us()));
  auto asked = decision;
  asked.request.digest = desk->gate(asked.request.phase).first;
  if (asked.request.command != control_command::approve)
    asked.request.digest.clear();
  // What is done is audited by who does it, together with the deed.
  auto done = [this](const std::string&) { decided(); };
  auto failed = [this, order = *order, decision](const caf::error& err) {
    refuse(order, decision, message_of(err));
  };
  if (asked.request.command == control_command::approve
      || asked.request.command == control_command::reject)
    self->request(deps.approval, caf::infinite, atom::act_v, std::move(asked)).then(done, failed);
  else
    self->request(deps.trigger, caf::infinite, atom::act_v, std::move(asked)).then(done, failed);
}

/// Empty, or why the command is not even passed on.
std::string github_state::why_not(const core::chat_desk::order& order,
                                  const operator_decision& decision) const {
  using core::chat_desk;
  if (order.may == chat_desk::right::none)
    return order.login + " may not decide here: that takes the permission to write to "
           + repository();
  if (order.may == chat_desk::right::unknown)
    return "GitHub does not tell this token who may write to " + repository()
           + ": it needs the permission metadata (read) and push access";
  if (!order.command.wrong.empty())
    return order.command.wrong;
  if (order.command.what == core::chat_command::verb::status)
    return {};
  const auto& id = decision.request.phase;
  const auto i = (*deps.context->lookup)(id);
  if (i == core::phase_lookup::npos)
    return "the plan has no phase " + id;
  const auto& policy = deps.context->phase(i).approval;
  if (policy && !policy->allow_self && order.login == identity->login
      && opens_a_gate(decision.request.command))
    return order.login
           + " started this execution (the node runs with a token of theirs), and the plan wants "
             "somebody else's approval (allow_self is false)";
  const auto shown_since = desk->gate(id).second;
  if (decision.request.command != control_command::approve || shown_since == 0
      || !deps.context->the_plan->github.update_on_approval)
    return {};
  const auto shown = tracks.front().track->shown_in(shown_since);
  if (shown == 0 || shown > order.comment)
    return "what waits for approval in phase " + id
           + " was shown here only after that comment: review it, then approve again";
  return {};
}

void github_state::refuse(const core::chat_desk::order&, const operator_decision& decision,
                          const std::string& why) {
  const auto known = (*deps.context->lookup)(decision.request.phase) != core::phase_lookup::npos;
  record(core::make_audit(decision, false, why, deps.context->now_us(), known));
}

void github_state::record(event e) {
  event_batch batch;
  batch.push_back(std::move(e));
  self->request(deps.store, caf::infinite, atom::record_v, std::move(batch))
      .then([this] { decided(); },
            [this](const caf::error& err) {
              say("audit", "a command could not be recorded: " + message_of(err));
              decided();
            });
}

void github_state::decided() {
  deciding = false;
  desk->pop();
  go_on();
}

} // namespace aeo
