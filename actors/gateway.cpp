#include "actors/gateway.hpp"

#include "actors/core/decisions.hpp"

#include <algorithm>
#include <utility>

namespace aeo {

namespace {

constexpr std::int64_t refusal_interval_us = 1'000'000;

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
  auto why = io::refusal_text(found->verdict, found->record.name);
  note_stranger(asker(), why);
  return caf::make_error(ec::not_permitted, why);
}

std::string gateway_state::asker() const {
  const auto sender = self->current_sender();
  return deps.address && sender ? deps.address(sender->node()) : std::string{};
}

/// Noted, but not as often as somebody may try.
void gateway_state::note_stranger(const std::string& from, const std::string& why) {
  ++unnoted;
  const auto now = deps.context->now_us();
  if (now < next_refusal_us)
    return;
  next_refusal_us = now + refusal_interval_us;
  auto text = why;
  if (const auto times = std::exchange(unnoted, 0); times > 1)
    text += " (" + std::to_string(times) + " times since the last note)";
  event_batch batch;
  batch.push_back(core::make_refusal(from, text, now));
  self->send(deps.store, atom::record_v, std::move(batch));
}

/// Who was given or lost the right to attach. A book that cannot be read lets nobody in, and tells
/// who tries.
void gateway_state::note_credentials() {
  const auto all = deps.credentials ? deps.credentials() : std::vector<io::credential_record>{};
  if (!all)
    return;
  event_batch batch;
  const auto now = deps.context->now_us();
  for (const auto& x : *all) {
    if (x.is_local())
      continue;
    const auto [at, is_new] = credentials.try_emplace(x.serial, x.revoked_us);
    const auto changed = std::exchange(at->second, x.revoked_us) != x.revoked_us;
    if ((is_new || changed) && is_news(x))
      batch.push_back(core::make_credential_audit({x.name, x.role, x.revoked_us != 0, x.expires_us,
                                                   x.revoked_us != 0 ? x.revoked_by : x.issued_by},
                                                  now));
  }
  has_looked = true;
  if (!batch.empty())
    self->send(deps.store, atom::record_v, std::move(batch));
}

/// An execution's log begins with who may attach; a node that goes on adds what changed meanwhile.
bool gateway_state::is_news(const io::credential_record& x) const {
  if (has_looked)
    return true;
  if (deps.log_until_us == 0)
    return io::verdict_on(x, deps.context->now_us()) == io::token_verdict::valid;
  return std::max(x.issued_us, x.revoked_us) > deps.log_until_us;
}

caf::result<remote_welcome> gateway_state::hello(const std::string& token) {
  note_credentials();
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
  note_credentials();
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
  st.note_credentials();
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
      [self](atom::gone, const std::string& from, const std::string& why) {
        self->state.note_credentials();
        self->state.note_stranger(from, why);
      },
  };
}

} // namespace aeo
