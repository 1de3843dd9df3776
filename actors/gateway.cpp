#include "actors/gateway.hpp"

#include "actors/core/decisions.hpp"

#include <utility>

namespace aeo {

namespace {

constexpr std::int64_t refusal_interval_us = 1'000'000;

std::string text_of(io::token_verdict x, const std::string& name) {
  switch (x) {
  case io::token_verdict::expired:
    return "the credential of " + name + " has expired: have a new one issued";
  case io::token_verdict::revoked:
    return "the credential of " + name + " was revoked";
  default:
    return "the node does not know this credential: was it issued for another workspace?";
  }
}

bool concerns_a_gate(control_command x) {
  return x == control_command::approve || x == control_command::reject;
}

/// What any holder of a credential may ask.
template <class Result, class Go>
caf::result<Result> checked(gateway_state& state, const std::string& token, Go go) {
  if (auto who = state.check(token); !who)
    return who.error();
  return go();
}

} // namespace

caf::result<std::string> gateway_state::greet(std::uint32_t protocol,
                                              const std::string& program) const {
  if (protocol == remote_protocol)
    return deps.program;
  return caf::make_error(ec::wrong_state, deps.program + " speaks protocol "
                                              + std::to_string(remote_protocol) + ", " + program
                                              + " speaks " + std::to_string(protocol)
                                              + ": use the programs of one version");
}

caf::expected<io::credential_record> gateway_state::check(const std::string& token) {
  auto found = deps.find(token);
  if (!found)
    return found.error();
  if (found->verdict == io::token_verdict::valid)
    return std::move(found->record);
  auto why = text_of(found->verdict, found->record.name);
  note_stranger(why);
  return caf::make_error(ec::not_permitted, why);
}

std::string gateway_state::asker() const {
  const auto sender = self->current_sender();
  return deps.address && sender ? deps.address(sender->node()) : std::string{};
}

/// Noted, but not as often as somebody may try.
void gateway_state::note_stranger(const std::string& why) {
  ++unnoted;
  const auto now = deps.context->now_us();
  if (now < next_refusal_us)
    return;
  next_refusal_us = now + refusal_interval_us;
  auto text = why;
  if (const auto times = std::exchange(unnoted, 0); times > 1)
    text += " (" + std::to_string(times) + " times since the last note)";
  event_batch batch;
  batch.push_back(core::make_refusal(asker(), text, now));
  self->send(deps.store, atom::record_v, std::move(batch));
}

caf::result<remote_welcome> gateway_state::hello(const std::string& token) {
  auto who = check(token);
  if (!who)
    return who.error();
  const auto& c = *deps.context;
  return remote_welcome{.name = who->name,
                        .role = who->role,
                        .program = deps.program,
                        .execution = c.execution,
                        .workspace = c.workspace.string()};
}

void gateway_state::refused(const operator_decision& decision, const caf::error& why) {
  event_batch batch;
  const auto known = (*deps.context->lookup)(decision.request.phase) != core::phase_lookup::npos;
  batch.push_back(
      core::make_audit(decision, false, message_of(why), deps.context->now_us(), known));
  self->send(deps.store, atom::record_v, std::move(batch));
}

caf::result<std::string> gateway_state::act(control_request request) {
  auto who = check(std::exchange(request.token, {}));
  if (!who)
    return who.error();
  operator_decision decision;
  decision.by = who->name;
  decision.role = who->role;
  decision.request = std::move(request);
  decision.from = asker();
  if (who->role != access_role::operator_) {
    auto err =
        caf::make_error(ec::not_permitted, who->name + " may look and not "
                                               + std::string{to_string(decision.request.command)}
                                               + ": that needs an operator's credential");
    refused(decision, err);
    return err;
  }
  auto promise = self->make_response_promise<std::string>();
  auto done = [promise](std::string& text) mutable { promise.deliver(std::move(text)); };
  auto failed = [this, promise, decision](const caf::error& err) mutable {
    refused(decision, err);
    promise.deliver(err);
  };
  if (concerns_a_gate(decision.request.command))
    self->request(deps.approval, caf::infinite, atom::act_v, decision).then(done, failed);
  else
    self->request(deps.trigger, caf::infinite, atom::act_v, decision).then(done, failed);
  return promise;
}

gateway_actor::behavior_type gateway(gateway_actor::stateful_pointer<gateway_state> self,
                                     gateway_deps deps) {
  auto& st = self->state;
  st.self = self;
  st.deps = std::move(deps);
  return {
      [self](std::uint32_t protocol, const std::string& program) {
        return self->state.greet(protocol, program);
      },
      [self](atom::hello, const std::string& token) { return self->state.hello(token); },
      [self](atom::get, const std::string& token, std::uint32_t first) {
        return checked<run_view>(self->state, token, [&] {
          return self->delegate(self->state.deps.feed, atom::get_v, first);
        });
      },
      [self](atom::next, const std::string& token, std::uint64_t from, std::uint32_t interval_ms) {
        return checked<event_page>(self->state, token, [&] {
          return self->delegate(self->state.deps.feed, atom::next_v, from, interval_ms);
        });
      },
      [self](atom::read, const std::string& token, const log_request& request) {
        return checked<log_page>(self->state, token, [&] {
          return self->delegate(self->state.deps.archive, atom::read_v, request);
        });
      },
      [self](atom::ask, const std::string& token, const std::string& what,
             const std::string& about) {
        return checked<std::string>(self->state, token, [&] {
          return self->delegate(self->state.deps.archive, atom::ask_v, what, about);
        });
      },
      [self](atom::act, control_request& request) { return self->state.act(std::move(request)); },
  };
}

} // namespace aeo
