#include "tools/control/selftest.hpp"

#include "actors/core/lenient_json.hpp"
#include "actors/core/text.hpp"
#include "actors/io/files.hpp"
#include "actors/io/launcher_folder.hpp"
#include "actors/io/process_table.hpp"
#include "actors/io/store.hpp"
#include "tools/attach/stored_run.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <map>
#include <random>
#include <sstream>
#include <thread>

namespace aeo::control {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using clock = std::chrono::steady_clock;

constexpr int layers = 3;
constexpr int width = 3;
constexpr auto longest_run = std::chrono::seconds{60};
constexpr auto longest_linger = std::chrono::seconds{10};
constexpr int latest_kill_ms = 350;

std::string phase_at(int layer, int place) {
  return "p" + std::to_string(layer * width + place);
}

enum class victim { node, launcher, both };
constexpr std::array victim_names{"node", "launcher", "both"};

/// Nothing was shown: why the trial could not be made.
struct cannot_try {
  std::string why;
};

/// A started aeo-node, ended with the object.
class node_process {
public:
  node_process(const fs::path& program, const fs::path& workspace, bool resume) {
    const auto log = workspace / "node.log";
    std::vector<std::string> texts{program.string(), "--workspace", workspace.string(), "--quiet"};
    if (resume)
      texts.emplace_back("--resume");
    std::vector<char*> arguments;
    arguments.reserve(texts.size() + 1);
    for (auto& text : texts)
      arguments.push_back(text.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    const auto error =
        posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
      throw cannot_try{"cannot start " + program.string() + ": "
                       + std::generic_category().message(error)};
  }
  ~node_process() {
    if (!code_) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }
  node_process(const node_process&) = delete;
  node_process& operator=(const node_process&) = delete;

  void strike() const { kill(pid_, SIGKILL); }

  /// 128 + signal when one ended it; nullopt: it goes on.
  std::optional<int> wait(std::chrono::milliseconds longest) {
    if (code_)
      return code_;
    const auto found = io::find_process(pid_);
    const auto handle = found ? io::open_process(*found) : io::unique_fd{};
    pollfd waits{handle.get(), POLLIN, 0};
    if (handle && ::poll(&waits, 1, static_cast<int>(longest.count())) == 0)
      return std::nullopt;
    int status = 0;
    waitpid(pid_, &status, 0);
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return code_;
  }

private:
  pid_t pid_ = -1;
  std::optional<int> code_;
};

/// The launcher of the workspace; 0: none lives.
pid_t launcher_of(const fs::path& workspace) {
  std::string why;
  const auto folder = io::open_launcher_folder(workspace, why);
  return folder ? io::launcher_lock{folder.get()}.holder() : 0;
}

/// Of the workspace; empty: none within the time.
std::string processes_left(const fs::path& workspace) {
  if (const auto pid = launcher_of(workspace); pid > 0)
    if (const auto found = io::find_process(pid))
      if (const auto handle = io::open_process(*found)) {
        pollfd waits{handle.get(), POLLIN, 0};
        constexpr auto longest = std::chrono::milliseconds{longest_linger};
        if (::poll(&waits, 1, static_cast<int>(longest.count())) == 0)
          return "aeo-launcher (pid " + std::to_string(pid) + ")";
      }
  std::string result;
  for (const auto& process : io::all_processes())
    if (!process.ended()
        && io::has_entry(io::environment_of(process.pid), "AEO_WORKSPACE", workspace.string()))
      result += (result.empty() ? "pid " : ", pid ") + std::to_string(process.pid);
  return result;
}

void write(const fs::path& file, const std::string& text) {
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  std::ofstream out{file, std::ios::binary};
  out << text;
  if (!out.flush())
    throw cannot_try{"cannot write " + file.string()};
}

std::string read(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

finished_run read_run(const fs::path& workspace) {
  finished_run result;
  result.left_behind = processes_left(workspace);
  result.ledger = read(workspace / "ledger");
  auto store = io::open_store_read_only(workspace / "consolidation/execution.db");
  if (!store)
    throw cannot_try{message_of(store.error())};
  const auto last = (*store)->last_execution();
  if (!last || !*last)
    throw cannot_try{"the log has no execution"};
  if (auto err = (*store)->read((*last)->id, 0, [&result](event&& e) {
        result.events.push_back(std::move(e));
        return true;
      }))
    throw cannot_try{message_of(err)};
  const auto fault = (*store)->verify();
  if (!fault)
    result.chain_fault = message_of(fault.error());
  else if (*fault)
    result.chain_fault = "event " + std::to_string((*fault)->seq) + ": " + (*fault)->what;
  return result;
}

/// One run of the plan with its kills.
struct trial {
  fs::path folder;
  std::array<int, victim_names.size()> kills{};
  std::size_t events = 0;
  std::vector<std::string> problems;

  int count() const { return kills[0] + kills[1] + kills[2]; }
};

/// At a moment that is drawn: it is about any moment.
void strike(trial& t, node_process& node, std::mt19937& random) {
  const auto wait = std::uniform_int_distribution<int>{0, latest_kill_ms}(random);
  if (node.wait(std::chrono::milliseconds{wait}))
    return;
  const auto who = static_cast<victim>(random() % victim_names.size());
  const auto launcher = launcher_of(t.folder);
  if (who != victim::launcher)
    node.strike();
  if (who != victim::node && launcher > 0)
    kill(launcher, SIGKILL);
  if (who != victim::launcher || launcher > 0)
    ++t.kills[static_cast<std::size_t>(who)];
}

void run_once(trial& t, const fs::path& node_program, int most_kills, std::mt19937& random) {
  write(t.folder / "config/phase_config.json", selftest_plan());
  write(t.folder / "config/orchestrator_config.json",
        R"({"max_parallel":3,"retry_delay":0.01,"kill_grace":0.2})");
  for (;;) {
    // One that was killed early has begun nothing that could be resumed.
    const auto begun = attach::stored_run::open(t.folder);
    if (!begun && begun.error() != ec::not_found)
      throw cannot_try{message_of(begun.error())};
    node_process node{node_program, t.folder, static_cast<bool>(begun)};
    if (t.count() < most_kills)
      strike(t, node, random);
    const auto code = node.wait(longest_run);
    if (!code) {
      t.problems.push_back("the node did not end within " + std::to_string(longest_run.count())
                           + " s");
      return;
    }
    if (*code == 0)
      break;
    if (*code != 128 + SIGKILL) {
      t.problems.push_back("the node ended with exit code " + std::to_string(*code));
      return;
    }
  }
  const auto run = read_run(t.folder);
  t.events = run.events.size();
  const auto launcher_lived = t.kills[1] + t.kills[2] == 0;
  t.problems = problems_of(run, launcher_lived);
}

std::string told(const trial& t) {
  std::ostringstream out;
  out << t.count() << (t.count() == 1 ? " kill (" : " kills (");
  for (std::size_t i = 0; i < victim_names.size(); ++i)
    out << (i > 0 ? ", " : "") << victim_names[i] << " " << t.kills[i];
  out << "), ";
  if (t.problems.empty())
    out << selftest_phases().size() << " phases approved once each, the chain of " << t.events
        << " events intact, no process left";
  else
    out << "NOT as promised; kept in " << t.folder.string();
  for (const auto& problem : t.problems)
    out << "\n      " << problem;
  return out.str();
}

ordered_json to_json(const trial& t) {
  return {{"folder", t.folder.string()},
          {"kills", {{"node", t.kills[0]}, {"launcher", t.kills[1]}, {"both", t.kills[2]}}},
          {"events", t.events},
          {"problems", t.problems}};
}

fs::path make_folder() {
  auto name = (fs::temp_directory_path() / "aeo-selftest-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr)
    throw cannot_try{"cannot make a folder in " + fs::temp_directory_path().string() + ": "
                     + std::generic_category().message(errno)};
  return name;
}

std::string seconds_since(clock::time_point begin) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(1)
      << std::chrono::duration<double>(clock::now() - begin).count() << " s";
  return out.str();
}

int try_all(const options& o) {
  const auto begin = clock::now();
  const auto seed = o.seed != 0 ? o.seed : std::random_device{}();
  std::mt19937 random{seed};
  std::error_code error;
  const auto node = fs::read_symlink("/proc/self/exe", error).parent_path() / "aeo-node";
  if (!o.json)
    std::cout << "aeo-node, its launcher or both are killed " << o.kills
              << " times at random moments of real runs (--seed " << seed << ").\n";
  int kills = 0;
  bool ok = true;
  auto runs = ordered_json::array();
  while (kills < o.kills && ok) {
    trial t;
    t.folder = make_folder();
    run_once(t, node, std::min(4, o.kills - kills), random);
    kills += t.count();
    ok = t.problems.empty();
    if (ok)
      fs::remove_all(t.folder, error);
    runs.push_back(to_json(t));
    if (!o.json)
      std::cout << "  run " << runs.size() << ": " << told(t) << std::endl;
  }
  if (o.json)
    std::cout << core::lenient::dump(
        ordered_json{{"ok", ok}, {"seed", seed}, {"kills", kills}, {"runs", std::move(runs)}})
              << '\n';
  else if (ok)
    std::cout << "Nothing was lost, done twice or left behind: " << kills << " kills in "
              << runs.size() << " runs, " << seconds_since(begin) << ".\n";
  else
    std::cout << "This is a bug. Please report it with the folder above and --seed " << seed
              << ".\n";
  return ok ? exit_code::ok : exit_code::failed;
}

} // namespace

std::vector<std::string> selftest_phases() {
  std::vector<std::string> result;
  result.reserve(layers * width);
  for (int i = 0; i < layers * width; ++i)
    result.push_back(phase_at(i / width, i % width));
  return result;
}

std::vector<std::string> selftest_tasks() {
  return {"a", "b"};
}

std::string selftest_plan() {
  ordered_json phases;
  for (int layer = 0; layer < layers; ++layer)
    for (int place = 0; place < width; ++place) {
      auto& phase = phases[phase_at(layer, place)];
      phase["dependencies"] = ordered_json::array();
      if (layer > 0)
        for (const auto k : {place, (place + 1) % width})
          phase["dependencies"].push_back(phase_at(layer - 1, k));
      for (const auto& id : selftest_tasks())
        phase["tasks"].push_back(
            {{"id", id},
             {"command", "exec 9>>lock.$AEO_PHASE.$AEO_TASK; flock -n 9 || echo twice $AEO_PHASE "
                         "$AEO_TASK >> ledger; echo start $AEO_PHASE $AEO_TASK >> ledger; sleep 0.0"
                             + std::to_string(3 + (layer + place) % 5)
                             + "; echo end $AEO_PHASE $AEO_TASK >> ledger"}});
    }
  return ordered_json{{"phases", phases}}.dump(1);
}

std::vector<std::string> problems_of(const finished_run& run, bool launcher_lived) {
  std::vector<std::string> result;
  if (!run.chain_fault.empty())
    result.push_back("the event log does not verify: " + run.chain_fault);
  if (!run.left_behind.empty())
    result.push_back("still there after the end: " + run.left_behind);
  std::map<std::string, int> lines;
  std::istringstream ledger{run.ledger};
  for (std::string line; std::getline(ledger, line);)
    ++lines[line];
  for (const auto& phase : selftest_phases()) {
    int approvals = 0;
    for (const auto& e : run.events) {
      if (e.phase != phase)
        continue;
      if (approvals > 0
          && (e.kind == event_kind::phase_started || e.kind == event_kind::task_started))
        result.push_back("phase " + phase + " was run again after its approval (event "
                         + std::to_string(e.seq) + ")");
      approvals += e.kind == event_kind::phase_approved ? 1 : 0;
    }
    if (approvals != 1)
      result.push_back("phase " + phase + " was approved " + std::to_string(approvals) + " times");
    for (const auto& task : selftest_tasks()) {
      const auto name = phase + " " + task;
      if (lines["twice " + name] > 0)
        result.push_back("task " + name + " ran twice at the same time");
      if (lines["end " + name] == 0)
        result.push_back("task " + name + " never came to its end, and its phase is approved");
      if (launcher_lived && lines["start " + name] > 1)
        result.push_back("task " + name + " ran again although its exit was known");
    }
  }
  return result;
}

int run_selftest(const options& o) {
  try {
    return try_all(o);
  } catch (const cannot_try& x) {
    std::cerr << "aeo-control: the selftest cannot be made: " << x.why << '\n';
  } catch (const fs::filesystem_error& x) {
    std::cerr << "aeo-control: the selftest cannot be made: " << x.what() << '\n';
  }
  return exit_code::internal;
}

} // namespace aeo::control
