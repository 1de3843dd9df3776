#include "tools/control/run.hpp"

#include "actors/core/lenient_json.hpp"
#include "actors/core/text.hpp"
#include "actors/io/standard_output.hpp"
#include "tools/attach/log_text.hpp"
#include "tools/attach/stored_run.hpp"
#include "tools/control/answers.hpp"
#include "tools/control/completion.hpp"
#include "tools/control/credential.hpp"
#include "tools/control/selftest.hpp"

#include <functional>
#include <iostream>

namespace aeo::control {

namespace {

using attach::short_patience;
using nlohmann::ordered_json;

constexpr auto follow_interval = std::chrono::milliseconds{300};
/// Until what is cancelled has gone, its grace included.
constexpr std::chrono::milliseconds act_patience{600'000};

/// After what was printed; the exit code.
int printed(int code) {
  return io::end_output("aeo-control", code);
}

int fail(const options& o, const caf::error& err) {
  if (o.json)
    std::cout << core::lenient::dump(ordered_json{{"ok", false}, {"error", message_of(err)}})
              << '\n';
  else
    std::cerr << "aeo-control: " << message_of(err) << '\n';
  return attach::exit_code_of(err);
}

/// Who answers: a node, or what it left behind.
struct source {
  std::function<caf::expected<run_view>()> view;
  std::function<caf::expected<std::string>(const std::string& what, const std::string& about,
                                           std::chrono::milliseconds patience)>
      ask;
  std::function<caf::expected<log_page>(const log_request&)> read;
  attach::node* node = nullptr; ///< Only a node can act.
};

source source_of(attach::node& node) {
  return {.view = [&node] { return node.view(); },
          .ask =
              [&node](const std::string& what, const std::string& about,
                      std::chrono::milliseconds patience) {
                return node.ask<std::string>(patience, atom::ask_v, node.token(), what, about);
              },
          .read =
              [&node](const log_request& request) {
                return node.ask<log_page>(short_patience, atom::read_v, node.token(), request);
              },
          .node = &node};
}

source source_of(attach::stored_run& run) {
  return {.view = [&run]() -> caf::expected<run_view> { return run.view(); },
          .ask = [&run](const std::string& what, const std::string& about,
                        std::chrono::milliseconds) { return run.ask(what, about); },
          .read = [&run](const log_request& request) { return run.read(request); }};
}

class session {
public:
  session(const options& o, source from) : o_(o), from_(std::move(from)) {}

  int run() { return printed(answer()); }

private:
  int answer() {
    if (o_.acts)
      return act();
    if (o_.command == "logs")
      return logs();
    if (o_.command == "verify")
      return verify();
    if (o_.command == "history")
      return history();
    auto view = from_.view();
    if (!view)
      return fail(o_, view.error());
    if (o_.command == "why")
      return why(*view);
    if (o_.command == "ids") {
      for (const auto& p : view->phases)
        std::cout << p.id << '\n';
      return exit_code::ok;
    }
    std::cout << (o_.command == "graph" ? graph_text(*view, o_.json ? "json" : o_.format)
                  : o_.json             ? status_json(*view)
                                        : status_text(*view, command_));
    return exit_code::ok;
  }

  int act() {
    auto request = o_.act;
    request.token = from_.node->token();
    auto answer = from_.node->ask<std::string>(act_patience, atom::act_v, request);
    if (!answer)
      return fail(o_, answer.error());
    if (o_.json)
      std::cout << core::lenient::dump(ordered_json{{"ok", true}, {"outcome", *answer}}) << '\n';
    else
      std::cout << *answer << '\n';
    return exit_code::ok;
  }

  int why(const run_view& view) {
    auto events = from_.ask("why", o_.phase, short_patience);
    if (!events)
      return fail(o_, events.error());
    std::cout << (o_.json ? *events + "\n" : why_text(view, o_.phase, *events, command_));
    return exit_code::ok;
  }

  int history() {
    auto answer = from_.ask("history", {}, short_patience);
    if (!answer)
      return fail(o_, answer.error());
    std::cout << (o_.json ? *answer + "\n" : history_text(*answer));
    return exit_code::ok;
  }

  int verify() {
    auto answer = from_.ask("verify", {}, act_patience);
    if (!answer)
      return fail(o_, answer.error());
    bool ok = false;
    const auto text = verify_text(*answer, ok);
    std::cout << (o_.json ? *answer + "\n" : text);
    return ok ? exit_code::ok : exit_code::failed;
  }

  int logs() {
    log_request request{o_.phase, o_.task, o_.attempt, 0};
    for (;;) {
      auto page = from_.read(request);
      if (!page)
        return fail(o_, page.error());
      attach::print_log(page->text);
      const auto nothing_new = page->next == request.offset;
      request = {o_.phase, page->task, page->attempt, page->next};
      // Without a node nothing more will come.
      if (page->complete || !std::cout || (nothing_new && !(o_.follow && from_.node)))
        return exit_code::ok;
      if (nothing_new && io::reader_leaves(follow_interval))
        return exit_code::ok;
    }
  }

  const options& o_;
  source from_;
  const std::string command_ = attach::command_for("aeo-control", o_.target);
};

/// Without a node: what its database says.
int look_at_database(const options& o, const caf::error& no_node) {
  auto stored = attach::stored_run::open(o.target.workspace);
  if (!stored)
    return printed(fail(o, stored.error() == ec::not_found ? no_node : stored.error()));
  if (no_node == ec::other_workspace)
    std::cerr << "aeo-control: " << message_of(no_node) << '\n';
  if (!o.json && o.command != "ids")
    std::cerr << "no node runs here: this is what its log says, up to "
              << core::short_time((*stored)->view().now_us) << '\n';
  return session{o, source_of(**stored)}.run();
}

} // namespace

int run(const options& o) {
  if (o.command.starts_with("credential "))
    return printed(manage_credentials(o));
  if (o.command == "selftest")
    return printed(run_selftest(o));
  if (o.command == "completion") {
    std::cout << completion_script(o.name);
    return printed(exit_code::ok);
  }
  attach::system_config config;
  caf::actor_system system{config};
  auto node = attach::node::attach(system, o.target, "aeo-control " AEO_VERSION);
  if (node)
    return session{o, source_of(**node)}.run();
  const auto may_look = !o.acts && o.target.address.empty()
                        && attach::exit_code_of(node.error()) == exit_code::no_node;
  return may_look ? look_at_database(o, node.error()) : printed(fail(o, node.error()));
}

} // namespace aeo::control
