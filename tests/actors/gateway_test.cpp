#include "actors/gateway.hpp"
#include "tests/fixtures/mock_actors.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

using namespace aeo;
using namespace aeo::testing;
using namespace std::chrono_literals;

namespace {

feed_actor::behavior_type feed_mock(feed_actor::pointer) {
  return {
      [](atom::publish, const event_batch&) { FAIL("the gateway publishes nothing"); },
      [](atom::get, std::uint32_t) {
        run_view view;
        view.execution = "e-1";
        return view;
      },
      [](atom::next, std::uint64_t from, std::uint32_t) {
        return event_page{{}, {}, {}, from, 0, false};
      },
      [](atom::finish) { FAIL("the gateway ends nothing"); },
  };
}

archive_actor::behavior_type archive_mock(archive_actor::pointer) {
  return {
      [](atom::next, std::uint64_t) { return event_page{}; },
      [](atom::read, const log_request& r) {
        return log_page{r.phase, 1, "text", 4, true};
      },
      [](atom::ask, const std::string& what, const std::string& about) {
        return what + " " + about;
      },
      [](atom::get) { return phase_durations{}; },
      [](atom::finish) { FAIL("the gateway ends nothing"); },
  };
}

std::string text_of(const operator_decision& d) {
  return std::string{to_string(d.request.command)} + " " + d.request.phase + " by " + d.by;
}

approval_actor::behavior_type deciding_approval(approval_actor::pointer, transcript_ptr log) {
  return {
      [](const task_start&) {},
      [](const task_exit&) {},
      [](atom::review, const review_request&) { return verdict{}; },
      [](atom::publish, const event_batch&) {},
      [=](atom::act, const operator_decision& d) -> caf::result<std::string> {
        log->add("approval: " + text_of(d));
        if (d.request.phase == "closed")
          return caf::make_error(ec::wrong_state, "it is closed");
        return "done: " + d.request.token;
      },
  };
}

trigger_actor::behavior_type deciding_trigger(trigger_actor::pointer, transcript_ptr log) {
  return {
      [](atom::publish, const event_batch&) {},
      [](atom::start) {},
      [](atom::release, std::uint32_t) {},
      [](atom::ready, std::uint32_t) {},
      [](atom::withdraw, std::uint32_t) {},
      [](atom::stop, const std::string&) {},
      [](atom::detach) { FAIL("nobody leaves here"); },
      [](atom::stalled, bool) {},
      [=](atom::act, const operator_decision& d) -> caf::result<std::string> {
        log->add("trigger: " + text_of(d));
        return std::string{"done"};
      },
      [](atom::finish) { return true; },
  };
}

struct gateway_fixture : actor_fixture {
  transcript_ptr log = std::make_shared<transcript>();
  std::shared_ptr<mock_state> store = std::make_shared<mock_state>();
  std::map<std::string, io::credential_book::lookup> known;
  gateway_actor uut;

  std::vector<io::credential_record> book;

  explicit gateway_fixture(std::vector<io::credential_record> issued = {},
                           std::int64_t log_until_us = 0)
      : book(std::move(issued)) {
    store->log = log;
    know("look", "victor", access_role::viewer);
    know("act", "olga", access_role::operator_);
    gateway_deps deps;
    deps.context = make_context(make_plan(make_phase("0")));
    deps.store = spawn(state_mock, store);
    deps.feed = spawn(feed_mock);
    deps.archive = spawn(archive_mock);
    deps.approval = spawn(deciding_approval, log);
    deps.trigger = spawn(deciding_trigger, log);
    deps.find = [this](const std::string& token) -> caf::expected<io::credential_book::lookup> {
      return known[token];
    };
    deps.credentials = [this] { return book; };
    deps.log_until_us = log_until_us;
    deps.address = [](const caf::node_id&) { return "10.0.0.1:5"; };
    deps.program = "aeo-node test";
    uut = spawn(gateway, deps);
    run();
  }

  /// Outcomes of the audit events about credentials.
  std::vector<std::string> credential_audits() const {
    std::vector<std::string> result;
    for (const auto& e : store->events)
      if (const auto data = nlohmann::json::parse(e.data); data.contains("credential"))
        result.push_back(data["by"].get<std::string>() + ": " + data["outcome"].get<std::string>());
    return result;
  }

  void know(const std::string& token, const std::string& name, access_role role) {
    auto& x = known[token];
    x.verdict = io::token_verdict::valid;
    x.record.name = name;
    x.record.role = role;
  }

  /// The answer as text; of an error its code and message.
  template <class Result, class... Ts>
  std::string ask(std::function<std::string(const Result&)> show, Ts&&... words) {
    std::string answer;
    auto handle = self->request(uut, caf::infinite, std::forward<Ts>(words)...);
    run();
    handle.receive([&](const Result& x) { answer = show(x); },
                   [&](const caf::error& err) {
                     answer = to_string(static_cast<ec>(err.code())) + ": " + message_of(err);
                   });
    return answer;
  }
  std::string act(const std::string& token, control_command command, const std::string& phase) {
    control_request request;
    request.token = token;
    request.command = command;
    request.phase = phase;
    return ask<std::string>([](const std::string& x) { return x; }, atom::act_v, request);
  }
  nlohmann::json audit() const {
    return nlohmann::json::parse(store->last(event_kind::audit).data);
  }
};

} // namespace

TEST_CASE("programs of another protocol are told so before anything else") {
  gateway_fixture f;
  auto text = [](const std::string& x) { return x; };
  CHECK(f.ask<std::string>(text, remote_protocol, std::string{"tool"}) == "aeo-node test");
  CHECK(f.ask<std::string>(text, remote_protocol + 1, std::string{"tool 9"})
            .find("use the programs of one version")
        != std::string::npos);
}

TEST_CASE("a credential is known by its token, with its name and role") {
  gateway_fixture f;
  auto show = [](const remote_welcome& x) {
    return x.name + " " + std::string{to_string(x.role)} + " " + x.workspace;
  };
  CHECK(f.ask<remote_welcome>(show, atom::hello_v, std::string{"look"})
        == "victor viewer /workspace");
  CHECK(f.ask<remote_welcome>(show, atom::hello_v, std::string{"act"})
        == "olga operator /workspace");
}

TEST_CASE("without a valid token nothing is told and nothing is done") {
  gateway_fixture f;
  const std::string bad = "nonsense";
  auto refused = [](const std::string& answer) { return answer.starts_with("not_permitted: "); };
  CHECK(refused(f.ask<remote_welcome>([](auto&) { return ""; }, atom::hello_v, bad)));
  CHECK(refused(f.ask<run_view>([](auto&) { return ""; }, atom::get_v, bad, 0u)));
  CHECK(refused(
      f.ask<event_page>([](auto&) { return ""; }, atom::next_v, bad, std::uint64_t{1}, 0u)));
  CHECK(refused(f.ask<log_page>([](auto&) { return ""; }, atom::read_v, bad, log_request{})));
  CHECK(refused(f.ask<std::string>([](auto&) { return ""; }, atom::ask_v, bad, std::string{"why"},
                                   std::string{"0"})));
  CHECK(refused(f.act(bad, control_command::approve, "0")));
  CHECK(f.log->take() == lines{"audit "});
}

TEST_CASE("a viewer sees everything") {
  gateway_fixture f;
  const std::string token = "look";
  CHECK(f.ask<run_view>([](const run_view& x) { return x.execution; }, atom::get_v, token, 0u)
        == "e-1");
  CHECK(f.ask<event_page>([](const event_page& x) { return std::to_string(x.head); }, atom::next_v,
                          token, std::uint64_t{9}, 0u)
        == "9");
  CHECK(f.ask<log_page>([](const log_page& x) { return x.text; }, atom::read_v, token,
                        log_request{"0", {}, 0, 0})
        == "text");
  CHECK(f.ask<std::string>([](const std::string& x) { return x; }, atom::ask_v, token,
                           std::string{"why"}, std::string{"0"})
        == "why 0");
}

TEST_CASE("a viewer who tries to act is refused, and that is audited") {
  gateway_fixture f;
  CHECK(f.act("look", control_command::approve, "0").starts_with("not_permitted: victor may look"));
  CHECK(f.log->take() == lines{"audit 0"});
  CHECK(f.audit()["by"] == "victor");
  CHECK(f.audit()["role"] == "viewer");
  CHECK(f.audit()["from"] == "10.0.0.1:5");
  CHECK(f.audit()["command"] == "approve");
  CHECK(f.audit()["done"] == false);
}

TEST_CASE("an operator's decisions go to who decides them, without the token") {
  gateway_fixture f;
  CHECK(f.act("act", control_command::approve, "0") == "done: ");
  CHECK(f.act("act", control_command::reject, "0") == "done: ");
  for (auto command : {control_command::retry, control_command::skip, control_command::cancel,
                       control_command::pause, control_command::resume})
    CHECK(f.act("act", command, "0") == "done");
  CHECK(f.log->take()
        == lines{"approval: approve 0 by olga", "approval: reject 0 by olga",
                 "trigger: retry 0 by olga", "trigger: skip 0 by olga", "trigger: cancel 0 by olga",
                 "trigger: pause 0 by olga", "trigger: resume 0 by olga"});
}

TEST_CASE("a decision that is refused is audited with the reason") {
  gateway_fixture f;
  CHECK(f.act("act", control_command::approve, "closed") == "wrong_state: it is closed");
  CHECK(f.audit()["outcome"] == "it is closed");
  CHECK(f.audit()["done"] == false);
}

TEST_CASE("an audit of a phase that does not exist is of no phase, and names it") {
  gateway_fixture f;
  f.act("look", control_command::approve, "nine");
  CHECK(f.store->last(event_kind::audit).phase.empty());
  CHECK(f.audit()["phase"] == "nine");
}

TEST_CASE("a revoked or expired credential is let in no more, and told why") {
  gateway_fixture f;
  f.known["act"].verdict = io::token_verdict::revoked;
  CHECK(f.act("act", control_command::pause, "")
        == "not_permitted: the credential of olga was revoked");
  f.known["act"].verdict = io::token_verdict::expired;
  CHECK(f.act("act", control_command::pause, "").find("has expired") != std::string::npos);
  CHECK(f.log->take() == lines{"audit "});
}

TEST_CASE("somebody who tries tokens without end does not fill the event log") {
  gateway_fixture f;
  for (int i = 0; i < 100; ++i)
    f.act("wrong", control_command::pause, "");
  CHECK(f.store->events.size() == 1);
  f.pass(2s);
  f.act("wrong", control_command::pause, "");
  CHECK(f.store->events.size() == 2);
  CHECK(f.audit()["outcome"].get<std::string>().find("100 times") != std::string::npos);
}

namespace {

io::credential_record issued(const std::string& name, std::int64_t issued_us,
                             std::int64_t revoked_us = 0) {
  io::credential_record x;
  x.name = x.serial = name;
  x.role = access_role::operator_;
  x.issued_by = "root";
  x.revoked_by = revoked_us != 0 ? "eve" : "";
  x.issued_us = issued_us;
  x.expires_us = 4'102'444'800'000'000;
  x.revoked_us = revoked_us;
  return x;
}

} // namespace

TEST_CASE("an execution's log begins with who may attach, and tells what changes") {
  gateway_fixture f{{issued("olga", 5), issued("gone", 5, 6)}};
  const std::string olga = "root: olga may attach as operator until 2100-01-01T00:00:00Z";
  CHECK(f.credential_audits() == std::vector<std::string>{olga});
  f.act("act", control_command::retry, "0");
  CHECK(f.credential_audits().size() == 1);
  f.book[0].revoked_us = 7;
  f.book[0].revoked_by = "ann";
  f.book.push_back(issued("new", 8));
  f.act("act", control_command::retry, "0");
  const auto audits = f.credential_audits();
  REQUIRE(audits.size() == 3);
  CHECK(audits[1] == "ann: olga may attach no more");
  CHECK(audits[2] == "root: new may attach as operator until 2100-01-01T00:00:00Z");
}

TEST_CASE("a node that goes on notes what changed while none ran") {
  gateway_fixture f{{issued("old", 5), issued("new", 15), issued("lost", 5, 12)}, 10};
  CHECK(f.credential_audits()
        == std::vector<std::string>{"root: new may attach as operator until 2100-01-01T00:00:00Z",
                                    "eve: lost may attach no more"});
}

TEST_CASE("whom the door turns away is noted, from where") {
  gateway_fixture f;
  f.self->send(f.uut, atom::gone_v, std::string{"10.0.0.9:1"}, std::string{"olga was revoked"});
  f.run();
  const auto data = nlohmann::json::parse(f.store->last(event_kind::audit).data);
  CHECK(data["from"] == "10.0.0.9:1");
  CHECK(data["outcome"] == "olga was revoked");
  CHECK(data["done"] == false);
}
