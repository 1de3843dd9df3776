#include "tools/node/run.hpp"

#include "actors/io/file_access.hpp"
#include "actors/io/log_reader.hpp"
#include "actors/io/remote_door.hpp"
#include "actors/io/scheduling.hpp"
#include "actors/io/state_file.hpp"
#include "actors/supervisor.hpp"
#include "messages/exit_code.hpp"
#include "tools/node/console_view.hpp"
#include "tools/node/github.hpp"
#include "tools/node/remote.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <random>
#include <thread>

namespace aeo::node {

namespace {

struct node_config : caf::actor_system_config {
  node_config() {
    // One shared queue: an idle worker wakes at once, where work stealing would poll and sleep.
    set("caf.scheduler.policy", "sharing");
    set("caf.scheduler.max-threads", 2u);
    set("caf.logger.console.verbosity", "quiet");
    set("caf.logger.file.verbosity", "quiet");
    io::enable_remote(*this);
  }
};

bool is_ignored(int signo) {
  struct sigaction now {};
  return sigaction(signo, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

/// SIGINT, SIGTERM and SIGHUP as messages, but for a SIGHUP that whoever started us had ignored
/// (nohup). Blocks them for the whole process; make it before any thread.
class signal_watch {
public:
  signal_watch() {
    sigemptyset(&signals_);
    for (int s : {SIGINT, SIGTERM, SIGUSR1})
      sigaddset(&signals_, s);
    if (!is_ignored(SIGHUP))
      sigaddset(&signals_, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }

  void start(supervisor_actor boss) {
    thread_ = std::thread{[this, boss = std::move(boss)] {
      for (int s = 0; sigwait(&signals_, &s) == 0 && !ending_;)
        if (s != SIGUSR1) // Anybody may send one.
          caf::anon_send(boss, atom::interrupt_v, s);
    }};
  }

  ~signal_watch() {
    if (thread_.joinable()) {
      ending_ = true;
      pthread_kill(thread_.native_handle(), SIGUSR1);
      thread_.join();
    }
  }

private:
  sigset_t signals_{};
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

std::vector<std::string> launcher_environment(const configuration& c, const session& s) {
  std::vector<std::string> result;
  for (const auto& [name, value] : c.environment)
    result.emplace_back(name).append("=").append(value);
  result.push_back("AEO_EXECUTION_ID=" + s.context->execution);
  result.push_back("AEO_WORKSPACE=" + s.context->workspace.string());
  return result;
}

launcher_factory make_launcher_factory(io::launcher_options options) {
  return [options = std::move(options)](const executor_actor& executor) {
    io::launcher_callbacks callbacks;
    callbacks.started = [executor](task_start&& x) { caf::anon_send(executor, std::move(x)); };
    callbacks.exited = [executor](task_exit&& x) { caf::anon_send(executor, std::move(x)); };
    callbacks.gone = [executor](std::string why) {
      caf::anon_send(executor, atom::gone_v, std::move(why));
    };
    return io::connect_launcher(options, std::move(callbacks));
  };
}

core::mask_function mask_of(const configuration& c) {
  if (c.mask.empty())
    return nullptr;
  return [mask = c.mask](std::string_view text) { return mask.mask(text); };
}

std::uint32_t slots_of(const options& o, const plan& p) {
  if (o.max_parallel > 0)
    return o.max_parallel;
  if (p.options.max_parallel > 0)
    return p.options.max_parallel;
  return std::max(1u, std::thread::hardware_concurrency());
}

/// Makes one commit of many where many phases end at once.
constexpr std::chrono::milliseconds commit_interval{4};

console_options console_for(const options& o, const configuration& c) {
  auto result = console_options_for(STDOUT_FILENO, o.json, o.quiet);
  result.mask = mask_of(c);
  result.workspace = o.workspace_as_typed;
  return result;
}

std::shared_ptr<supervisor_deps> make_deps(const options& o, const configuration& c, session&& s) {
  const auto& p = *c.the_plan;
  auto deps = std::make_shared<supervisor_deps>();
  auto file = o.workspace / "consolidation" / "execution_state.json";
  auto rules = core::rule_set::compile(p.options.error_rules);
  deps->connect_launcher = make_launcher_factory({.program = program_folder() / "aeo-launcher",
                                                  .workspace = o.workspace,
                                                  .execution = s.context->execution,
                                                  .env = launcher_environment(c, s),
                                                  .slots = slots_of(o, p)});
  deps->save = [file, shared = c.the_plan](const core::execution_state& state) {
    return io::write_state_file(file, *shared, state);
  };
  deps->context = std::move(s.context);
  deps->initial = std::move(s.state);
  deps->origins = std::move(s.origins);
  deps->redefined = std::move(s.redefined);
  deps->store = std::move(s.store);
  deps->history = std::move(s.history);
  deps->selected = std::move(s.selected);
  deps->mask = mask_of(c);
  if (!c.mask.empty())
    deps->mask_data = [mask = c.mask](std::string_view text) { return mask.mask_json(text); };
  deps->rules = std::move(*rules); // config::load has compiled them once already
  deps->random01 = [engine = std::mt19937_64{std::random_device{}()}]() mutable {
    return std::uniform_real_distribution<double>{}(engine);
  };
  deps->files = std::make_shared<io::workspace_files>(o.workspace);
  deps->tail = [mask = c.mask](const std::string& log) { return io::read_tail(log, mask); };
  deps->view = make_console_view(
      c.the_plan, console_for(o, c),
      open_node_log(o.workspace / "consolidation" / "logs" / "node.log", p.options.log_level));
  deps->write_file = write_report;
  deps->workspace = o.workspace_as_typed;
  deps->github = make_github(o, c);
  deps->slots = slots_of(o, p);
  deps->commit_interval = commit_interval;
  deps->manual = p.options.mode == execution_mode::manual;
  deps->wait = o.wait;
  deps->detach_on_stop = o.detach_on_stop;
  return deps;
}

} // namespace

int run_session(const options& o, const configuration& c, session&& s) {
  io::prefer_short_waits();
  signal_watch signals;
  auto prepared = remote_access::prepare(o, c);
  if (auto* why = std::get_if<refusal>(&prepared)) {
    std::fprintf(stderr, "aeo-node: %s\n", why->text.c_str());
    return why->exit_code;
  }
  auto lock = std::move(s.lock); // Held until everything has ended.
  node_config config;
  caf::actor_system system{config};
  int code = exit_code::internal;
  {
    auto remote = std::get<remote_access>(prepared).service(system, o, c, s);
    auto deps = make_deps(o, c, std::move(s));
    deps->remote = std::move(remote);
    auto boss = system.spawn(supervisor, std::move(deps));
    caf::scoped_actor self{system};
    auto ended = self->request(boss, caf::infinite, atom::run_v);
    signals.start(boss); // After the request: a signal is answered, too.
    ended.receive([&code](int result) { code = result; },
                  [](const caf::error& err) {
                    std::fprintf(stderr, "aeo-node: %s\n", message_of(err).c_str());
                  });
  }
  return code;
}

} // namespace aeo::node
