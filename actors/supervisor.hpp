#pragma once

#include "actors/approval.hpp"
#include "actors/archive.hpp"
#include "actors/executor.hpp"
#include "actors/feed.hpp"
#include "actors/gateway.hpp"
#include "actors/github.hpp"
#include "actors/phase.hpp"
#include "actors/reporter.hpp"
#include "actors/retry.hpp"
#include "actors/state.hpp"
#include "actors/trigger.hpp"
#include "actors/writer.hpp"
#include "messages/exit_code.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace aeo {

/// What remote nodes are served with.
struct remote_service {
  archive_deps archive;
  std::function<caf::expected<io::credential_book::lookup>(const std::string& token)> find;
  std::function<caf::expected<std::vector<io::credential_record>>()> credentials;
  std::int64_t log_until_us = 0; ///< See gateway_deps.
  std::function<std::string(const caf::node_id&)> address;
  std::string program;
  /// Opens the door; it is closed when what this returns goes. May block.
  std::function<caf::expected<std::shared_ptr<void>>(const gateway_actor&)> publish;
};

/// How GitHub is reached.
struct github_service {
  std::function<caf::expected<std::unique_ptr<io::outbox>>()> open;
  std::function<std::unique_ptr<io::http_client>(const github_actor&)> connect;
  std::string api_url;                       ///< Without a slash at the end.
  std::optional<core::commit_target> commit; ///< See github_deps.
};

/// What one execution is started with; the supervisor takes all of it.
struct supervisor_deps {
  context_ptr context;
  std::shared_ptr<const core::execution_state> initial; ///< What the store's events gave.
  /// What the events say of the attempts that were under way, by phase; the launcher's word is
  /// added when it is known.
  std::map<phase_index, phase_origin> origins;
  std::set<phase_index> redefined; ///< Since the execution began.
  std::unique_ptr<io::event_store> store;
  save_function save;
  core::mask_function mask;      ///< Null: nothing is secret.
  core::mask_function mask_data; ///< The same for the JSON texts of events.
  launcher_factory connect_launcher;
  core::rule_set rules;
  std::function<double()> random01;
  std::shared_ptr<core::file_access> files;
  std::function<std::string(const std::string& log)> tail;
  std::unique_ptr<progress_view> view;
  std::unique_ptr<core::run_history> history;
  file_writer write_file;
  std::string workspace; ///< As the operator would type it.
  std::size_t slots = 1;
  std::chrono::microseconds commit_interval{}; ///< See state_state.
  std::vector<bool> selected;             ///< Phases that may start (--only, --from); empty: all.
  std::unique_ptr<remote_service> remote; ///< Null: nobody can attach.
  std::unique_ptr<github_service> github; ///< Null: GitHub is not told.
  bool manual = false;
  bool wait = false;           ///< Where only a person can help, waits for one instead of ending.
  bool detach_on_stop = false; ///< A signal leaves running tasks to the launcher.
  bool detached = true;        ///< Blocking actors get threads of their own; tests want one order.
};

/// Starts the actors in order, watches them, ends the execution and answers with the exit code.
struct supervisor_state {
  static inline const char* name = "supervisor";
  /// In this order; a failure comes from any of them, and from `ending` there is a way back.
  enum class stage : std::uint8_t {
    executing,
    ending,     ///< Nothing is left to do: whether that stays so is being asked.
    concluding, ///< How the run ends is said, and being recorded.
    farewell,   ///< All is stored: a signal cuts what is said to others.
    failing,    ///< The operator is being told why it goes: nothing begins any more.
    over,
  };

  supervisor_actor::pointer self = nullptr;
  std::shared_ptr<supervisor_deps> deps;
  writer_actor storage;
  state_actor store;
  executor_actor executor;
  approval_actor approval;
  retry_actor retry_;
  reporter_actor reporter_;
  trigger_actor trigger_;
  archive_actor archive_;
  feed_actor feed_;
  gateway_actor gateway_;
  github_actor github_;
  std::shared_ptr<void> door;
  caf::typed_response_promise<int> promise;
  stage current = stage::executing;
  std::string trouble;              ///< Why storage fails; empty: it works.
  std::optional<run_outcome> newer; ///< What the trigger said in stage::ending.
  bool detaching = false;           ///< A signal came, and what runs is left to the launcher.
  int ended_with = 0;               ///< In stage::farewell: the exit code.
  int signals = 0;
  std::optional<std::int64_t> first_term_us; ///< The first SIGTERM, by the steady clock.

  caf::result<int> run();
  void done(const run_outcome&);
  void interrupt(int signo);
  void heard_stalled(const std::string& text);
  void lose_store(const std::string& why);
  void down(const caf::down_msg&);

private:
  bool is_echo(int signo);
  void spawn_actors();
  void open_door();
  void open_github(std::int64_t started_us);
  void end_or_wait(const run_outcome&, const core::execution_state&);
  phase_origin* origin_of(const task_key&);
  void connected(launcher_inventory&&);
  event_batch unrecorded_starts(const launcher_inventory&) const;
  event_batch notes_about(const launcher_inventory&, const event_batch& starts) const;
  void take_over(launcher_inventory&&);
  phase_factory make_phase_factory();
  void close(const run_outcome&);
  void conclude(const run_outcome&, const core::execution_state&);
  void record_end(int exit_code, overall_status, const std::string& reason);
  void fail_unstored(const std::string& why);
  void leave_unstored();
  void report(int exit_code);
  void detach_tasks(const std::string& signal);
  void conclude_detached(const std::string& signal, const core::execution_state&);
  void detach(int exit_code);
  void farewell(int exit_code);
  void leave(int exit_code);
  void fail(const std::string& text, int exit_code);
  /// For requests that must not fail.
  auto or_fail() {
    return [this](const caf::error& err) { fail(message_of(err), exit_code::internal); };
  }
};

supervisor_actor::behavior_type
supervisor(supervisor_actor::stateful_pointer<supervisor_state> self,
           std::shared_ptr<supervisor_deps> deps);

} // namespace aeo
