#include "actors/io/launcher_survivors.hpp"
#include "tests/fixtures/sanitizers.hpp"
#include "tests/tools/launcher/connected.hpp"

#include <catch2/catch_test_macros.hpp>

#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <limits>

using namespace aeo;
using namespace aeo::fixtures;

namespace {

/// A group of processes that may have 20 MB of memory together, where such can be made.
class small_memory {
public:
  small_memory() {
    namespace fs = std::filesystem;
    for (const auto& [root, limit] : {std::pair{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
                                      std::pair{"/sys/fs/cgroup", "memory.max"}}) {
      const auto folder = fs::path{root} / ("aeo-test-" + std::to_string(::getpid()));
      std::error_code error;
      if (!fs::create_directory(folder, error))
        continue;
      folder_ = folder;
      std::ofstream out{folder / limit};
      out << 20'000'000;
      if (out.flush() && fs::exists(folder / limit))
        return;
      ::rmdir(folder_.c_str());
      folder_.clear();
    }
  }
  ~small_memory() {
    if (!folder_.empty())
      ::rmdir(folder_.c_str());
  }
  small_memory(const small_memory&) = delete;
  small_memory& operator=(const small_memory&) = delete;

  explicit operator bool() const { return !folder_.empty(); }
  std::string processes() const { return (folder_ / "cgroup.procs").string(); }

private:
  std::filesystem::path folder_;
};

/// Shell text that starts so many sleeping children.
std::string start_many(int count) {
  return "i=0; while [ $i -lt " + std::to_string(count)
         + " ]; do sleep 1000 & i=$((i + 1)); done; ";
}

/// Of "had N processes at once".
int processes_said(const task_exit& x) {
  INFO(x.detail);
  REQUIRE(x.detail.starts_with("had "));
  return std::stoi(x.detail.substr(4));
}

/// The living processes of the workspace's tasks, wherever they went.
std::ptrdiff_t living_of(const connected& c) {
  const auto all = io::all_processes();
  return std::count_if(all.begin(), all.end(), [&c](const auto& x) {
    return !x.ended()
           && io::has_entry(io::environment_of(x.pid), "AEO_WORKSPACE",
                            c.workspace.path().string());
  });
}

/// A task that starts more processes than `limit` is ended as a whole.
task_exit check_crowd_is_ended(connected& c, task_spec spec, std::uint32_t limit) {
  spec.max_processes = limit;
  auto x = c.run(spec);
  CHECK(x.kind == exit_kind::over_limit);
  CHECK(processes_said(x) > static_cast<int>(limit));
  CHECK(living_of(c) == 0);
  return x;
}

/// Runs a task that says when it is ready, with a longer and longer timeout until that comes first.
task_exit time_out(connected& c, task_spec& spec) {
  auto x = c.run(spec);
  for (int i = 0; i < 5 && content(spec.log).find("ready") == std::string::npos; ++i) {
    ++spec.key.attempt;
    spec.timeout_ms *= 4;
    x = c.run(spec);
  }
  return x;
}

} // namespace

TEST_CASE("an exit comes with its code, times and use") {
  connected c;
  const auto x = c.run(c.script("T1", "exit 7"));
  CHECK(x.kind == exit_kind::exited);
  CHECK(x.code == 7);
  CHECK(x.pid > 0);
  CHECK(x.started_us > 0);
  CHECK(x.ended_us >= x.started_us);
  CHECK(x.peak_rss_kb > 0);
  CHECK(x.leftovers == 0);
  CHECK(x.detail.empty());
}

TEST_CASE("a death by signal comes with the signal") {
  connected c;
  const auto x = c.run(c.script("T1", "kill -USR1 $$"));
  CHECK(x.kind == exit_kind::signalled);
  CHECK(x.code == SIGUSR1);
}

TEST_CASE("a task has its own group, /dev/null to read, default signals and no foreign files") {
  connected c;
  auto spec = c.script("T1", "read -r x || echo no input; ls /proc/self/fd | tr '\\n' ' '; "
                             "grep -E 'Sig(Blk|Ign)' /proc/self/status; "
                             "test $(cut -d' ' -f5 /proc/$$/stat) = $$ && echo own group");
  const auto x = c.run(spec);
  CHECK(x.ok());
  const auto log = content(spec.log);
  INFO(log);
  CHECK(log.find("no input") != std::string::npos);
  CHECK(log.find("0 1 2 3 ") != std::string::npos); // 3 is ls's own.
  CHECK(log.find("0 1 2 3 4") == std::string::npos);
  CHECK(log.find("SigBlk:\t0000000000000000") != std::string::npos);
  CHECK(log.find("SigIgn:\t0000000000000000") != std::string::npos);
  CHECK(log.find("own group") != std::string::npos);
}

TEST_CASE("a task sees the base environment, its additions and who it is") {
  connected c;
  auto spec = c.script(
      "T1", "echo \"$A,$AEO_EXECUTION_ID,$AEO_PHASE,$AEO_TASK,$AEO_ATTEMPT,$AEO_WORKSPACE\"");
  spec.env = {{"A", "new"}, {"AEO_TASK", "a lie"}, {"A", "newest"}};
  CHECK(c.run(spec).ok());
  CHECK(content(spec.log) == "newest,e-1,0,T1,1," + c.workspace.path().string() + "\n");
  CHECK(c.run(c.script("T2", "test -z \"$AEO_LAUNCHER\" && test -n \"$PATH\"")).ok());
}

TEST_CASE("a start is told with pid and start time") {
  connected c;
  auto spec = c.script("T1", "read -r x </proc/self/stat; sleep 100");
  spec.timeout_ms = std::numeric_limits<std::int64_t>::max();
  REQUIRE_FALSE(c.link.client->start({spec}));
  const auto start = c.said.start_of(spec.key);
  REQUIRE(start.pid > 0);
  const auto info = io::find_process(static_cast<pid_t>(start.pid));
  REQUIRE(info);
  CHECK(info->start_ticks == start.start_ticks);
  REQUIRE_FALSE(c.link.client->cancel({spec.key}));
  CHECK(c.said.exit_of(spec.key).kind == exit_kind::cancelled);
}

TEST_CASE("a task is scheduled as what the operator starts, not as the launcher is") {
  testing::skip_where_vfork_is_fork();
  // struct sched_attr: size and policy, flags, niceness and priority, slice, ...
  auto scheduling_of = [](pid_t pid) {
    std::array<std::uint64_t, 6> attributes{};
    REQUIRE(::syscall(SYS_sched_getattr, pid, attributes.data(), sizeof attributes, 0) == 0);
    return attributes;
  };
  connected c;
  auto spec = c.script("T1", "echo >>started; sleep 1000");
  REQUIRE_FALSE(c.link.client->start({spec}));
  const auto start = c.said.start_of(spec.key);
  REQUIRE(start.pid > 0);
  CHECK(scheduling_of(static_cast<pid_t>(start.pid)) == scheduling_of(::getpid()));
  REQUIRE_FALSE(c.link.client->cancel({spec.key}));
  CHECK(c.said.exit_of(spec.key).kind == exit_kind::cancelled);
}

TEST_CASE("start times are right for many tasks, also across the clock's ticks") {
  connected c;
  for (int i = 0; i < 40; ++i) {
    auto spec = c.script("T" + std::to_string(i), "cut -d' ' -f22 /proc/$$/stat");
    const auto x = c.run(spec);
    CHECK(content(spec.log) == std::to_string(c.said.start_of(spec.key).start_ticks) + "\n");
  }
}

TEST_CASE("what cannot be started says which file is wrong") {
  testing::skip_where_vfork_is_fork();
  connected c;
  const auto& at = c.workspace.path();
  const auto plain = at / "plain.txt";
  std::ofstream{plain} << "#!/no/such/interpreter\n";
  const auto start = [&](const std::string& name, std::vector<std::string> argv,
                         const std::string& cwd = {}) {
    auto spec = make_task(at, name, std::move(argv));
    if (!cwd.empty())
      spec.cwd = cwd;
    auto x = c.run(spec);
    CHECK(x.kind == exit_kind::not_started);
    CHECK(x.code != 0);
    return x.detail;
  };
  const auto has = [](const std::string& text, const std::string& part) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
  };
  has(start("T1", {"no-such-program"}), "command not found: no-such-program (PATH=");
  has(start("T2", {"./nothing-here"}), "command not found: " + at.string() + "/./nothing-here");
  has(start("T3", {plain.string()}), "not executable: " + plain.string());
  has(start("T4", {at.string()}), "is a directory");
  has(start("T5", {"true"}, "/no/such/folder"), "working directory missing: /no/such/folder");
  has(start("T6", {"true"}, plain.string()), "working directory is not a directory");
  has(start("T7", {}), "the command is empty");
  has(start("T8", {"true", std::string("a\0b", 3)}), "NUL byte");
  std::filesystem::permissions(plain, std::filesystem::perms::owner_all);
  has(start("T9", {plain.string()}), "interpreter missing: ");
  std::ofstream{plain} << "neither\n";
  has(start("T10", {plain.string()}), "neither a program nor");
}

TEST_CASE("a command is looked up in the task's own PATH, and relative to its own folder") {
  connected c;
  const auto bin = c.workspace.path() / "bin";
  std::filesystem::create_directory(bin);
  std::ofstream{bin / "tool"} << "#!/bin/sh\necho found\n";
  std::filesystem::permissions(bin / "tool", std::filesystem::perms::owner_all);
  auto by_path = make_task(c.workspace.path(), "T1", {"tool"});
  by_path.env = {{"PATH", "/no/such:bin"}};
  CHECK(c.run(by_path).ok());
  auto relative = make_task(c.workspace.path(), "T2", {"./tool"});
  relative.cwd = bin.string();
  CHECK(c.run(relative).ok());
  CHECK(content(relative.log) == "found\n");
}

TEST_CASE("a silent task has no log; one that speaks has a private one with every byte") {
  connected c;
  auto silent = c.script("T1", "true");
  CHECK(c.run(silent).log_bytes == 0);
  CHECK_FALSE(std::filesystem::exists(std::filesystem::path{silent.log}.parent_path()));
  auto loud = c.script("T2", "echo out; echo err >&2; printf end");
  const auto x = c.run(loud);
  CHECK(content(loud.log) == "out\nerr\nend");
  CHECK(x.log_bytes == 11);
  struct stat info {};
  REQUIRE(::stat(loud.log.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0600U);
}

TEST_CASE("a log that is there is appended to") {
  connected c;
  auto spec = c.script("T1", "echo two");
  std::filesystem::create_directories(std::filesystem::path{spec.log}.parent_path());
  std::ofstream{spec.log} << "one\n";
  CHECK(c.run(spec).ok());
  CHECK(content(spec.log) == "one\ntwo\n");
}

TEST_CASE("64 MB of output are complete to the byte") {
  connected c;
  auto spec = c.script("T1", "seq 1 9000000 | head -c 67108864; seq 1 9000000 | head -c 67108864 "
                             "| cksum | cut -d' ' -f1 >sum");
  const auto x = c.run(spec);
  CHECK(x.ok());
  CHECK(x.log_bytes == 67108864);
  CHECK(std::filesystem::file_size(spec.log) == 67108864);
  auto check =
      c.script("T2", "test \"$(cksum <" + spec.log + " | cut -d' ' -f1)\" = \"$(cat sum)\"");
  CHECK(c.run(check).ok());
}

TEST_CASE("a log that cannot be written costs its bytes, not the task") {
  connected c;
  auto full = c.script("T1", "seq 1 100000; exit 5");
  full.log = "/dev/full";
  auto x = c.run(full);
  CHECK(x.kind == exit_kind::exited);
  CHECK(x.code == 5);
  CHECK(x.detail.find("the log lacks 588895 bytes of output: /dev/full: No space left")
        != std::string::npos);
  auto barred = c.script("T2", "echo lost");
  std::ofstream(c.workspace.path() / "file").close();
  barred.log = (c.workspace.path() / "file/T2.log").string();
  x = c.run(barred);
  CHECK(x.ok());
  CHECK(x.detail.find("the log lacks 5 bytes") != std::string::npos);
}

TEST_CASE("a task that closes its output has not ended by that") {
  connected c;
  const auto spec = c.script("T1", "echo before; exec >&- 2>&-; mkfifo gate; read x <gate; exit 7");
  REQUIRE_FALSE(c.link.client->start({spec}));
  CHECK(c.said.start_of(spec.key).pid > 0);
  CHECK(c.run(c.script("T2", "until [ -p gate ]; do :; done; echo go >gate")).ok());
  REQUIRE(c.said.wait_for_exits(2));
  const auto x = c.said.exit_of(spec.key);
  CHECK(x.kind == exit_kind::exited);
  CHECK(x.code == 7);
  CHECK(content(spec.log) == "before\n");
}

TEST_CASE("a task with 10,000 open files is a task like others") {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  if (limit.rlim_max < 10'100)
    SKIP("this user may not open so many files");
  connected c;
  const auto spec = c.script("T1", "ulimit -n 10100; exec python3 -c 'import os;"
                                   "print(len([os.dup(1) for _ in range(10000)]))'");
  const auto x = c.run(spec);
  CHECK(x.ok());
  CHECK(content(spec.log) == "10000\n");
  CHECK(c.run(c.script("T2", "true")).ok());
}

TEST_CASE("a task that ignores SIGTERM is killed when the grace after its timeout is over") {
  connected c;
  auto spec = c.script("T1", "trap '' TERM; echo ready; while :; do sleep 100; done");
  spec.timeout_ms = 100;
  spec.grace_ms = 100;
  const auto x = time_out(c, spec);
  CHECK(x.kind == exit_kind::timed_out);
  CHECK(x.code == SIGKILL);
  CHECK(x.detail == "timed out after " + std::to_string(spec.timeout_ms) + " ms");
  CHECK(x.ended_us - x.started_us >= 190'000);
}

TEST_CASE("a timed out task that ends at SIGTERM is not killed, whatever it returns") {
  connected c;
  // No child: one that is being forked just then may swallow the shell's SIGTERM.
  auto spec = c.script("T1", "trap 'exit 0' TERM; while :; do :; done");
  spec.timeout_ms = 50;
  const auto x = c.run(spec);
  CHECK(x.kind == exit_kind::timed_out);
  CHECK(x.code == SIGTERM);
  CHECK_FALSE(x.ok());
}

TEST_CASE("a stopped task can be cancelled") {
  connected c;
  auto spec = c.script("T1", "kill -STOP $$");
  REQUIRE_FALSE(c.link.client->start({spec}));
  REQUIRE(c.said.start_of(spec.key).pid > 0);
  REQUIRE_FALSE(c.link.client->cancel({spec.key}));
  const auto x = c.said.exit_of(spec.key);
  CHECK(x.kind == exit_kind::cancelled);
  CHECK(x.code == SIGTERM);
}

TEST_CASE("what a task leaves in its group is ended before its exit is told") {
  connected c;
  auto spec = c.script("T1", "sleep 1000 & echo $!; exit 3");
  const auto x = c.run(spec);
  CHECK(x.kind == exit_kind::exited);
  CHECK(x.code == 3);
  CHECK(x.leftovers == 1);
  CHECK(is_gone(std::stoi(content(spec.log))));
}

TEST_CASE("a leftover that ignores SIGTERM is killed") {
  connected c;
  auto spec = c.script("T1", "(trap '' TERM; echo $$ >ready; while :; do sleep 100; done) & "
                             "until test -s ready; do :; done; exit 0");
  spec.grace_ms = 100;
  const auto x = c.run(spec);
  CHECK(x.ok());
  CHECK(x.leftovers >= 1);
}

TEST_CASE("a cancel is told only when the whole group is gone") {
  connected c;
  auto spec = c.script("T1", "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 100; done' & "
                             "echo started >up; wait");
  spec.grace_ms = 300;
  REQUIRE_FALSE(c.link.client->start({spec}));
  REQUIRE(c.said.start_of(spec.key).pid > 0);
  // Its child has ignored SIGTERM once it has written its pid, which the log then has.
  auto wait = c.script("T2", "until test -s " + spec.log + "; do :; done");
  wait.timeout_ms = 30000;
  REQUIRE(c.run(wait).ok());
  REQUIRE_FALSE(c.link.client->cancel({spec.key}));
  const auto x = c.said.exit_of(spec.key);
  CHECK(x.kind == exit_kind::cancelled);
  CHECK(is_gone(std::stoi(content(spec.log))));
}

TEST_CASE("what left the task's group and session is ended with it, and counted") {
  connected c;
  auto spec =
      c.script("T1", "setsid sh -c 'trap \"\" TERM; echo $$ >pid; sleep 1000; sleep 1000' & "
                     "(setsid sh -c 'echo $$ >pid2; sleep 1000; :' &); "
                     "until test -s pid && test -s pid2; do :; done; exit 3");
  spec.grace_ms = 200;
  const auto x = c.run(spec);
  CHECK(x.kind == exit_kind::exited);
  CHECK(x.code == 3);
  CHECK(x.leftovers == 2);
  CHECK(is_gone(std::stoi(content(c.workspace.path() / "pid"))));
  CHECK(is_gone(std::stoi(content(c.workspace.path() / "pid2"))));
}

TEST_CASE("a process that leaves the group in the moment in which its task ends ends with it") {
  connected c;
  for (int i = 0; i < 20; ++i) {
    const auto spec = c.script("T" + std::to_string(i), "setsid sleep 1003 & exit 0");
    REQUIRE(c.run(spec).ok());
    std::vector<pid_t> left;
    for (const auto& x : io::all_processes())
      if (!x.ended()
          && io::carries_names(io::environment_of(x.pid), {c.workspace.path().string(), "e-1"},
                               spec.key))
        left.push_back(x.pid);
    CHECK(left.empty());
    for (const auto pid : left)
      ::kill(pid, SIGKILL);
  }
}

TEST_CASE("what left the group of a task that timed out is ended with it") {
  connected c;
  auto spec = c.script("T1", "setsid sh -c 'trap \"\" TERM; echo $$ >pid; echo ready; "
                             "sleep 1000; sleep 1000'");
  spec.timeout_ms = 300;
  spec.grace_ms = 200;
  const auto x = time_out(c, spec);
  CHECK(x.kind == exit_kind::timed_out);
  CHECK(is_gone(std::stoi(content(c.workspace.path() / "pid"))));
}

TEST_CASE("a task that the kernel ends for want of memory is named as such") {
  const small_memory memory;
  if (!memory)
    SKIP("no memory cgroup can be made here");
  connected c;
  const auto x =
      c.run(c.script("T1", "echo $$ > " + memory.processes() + "; x=$(yes | head -c 200000000)"));
  CHECK(x.kind == exit_kind::signalled);
  CHECK(x.code == SIGKILL);
  CHECK(x.detail.find("OOM killer") != std::string::npos);
  const auto other = c.run(c.script("T2", "kill -9 $$"));
  CHECK(other.code == SIGKILL);
  CHECK(other.detail.empty());
}

TEST_CASE("a task with more processes than it may have at once is ended with all of them") {
  connected c;
  const auto x = check_crowd_is_ended(c, c.script("T1", start_many(300) + "wait"), 100);
  CHECK(x.code == SIGKILL);
  CHECK(processes_said(x) <= 301);
  CHECK(x.detail.ends_with(" processes at once (max_processes is 100), all were ended; if it needs "
                           "so many, raise max_processes of the task or in "
                           "orchestrator_config.json"));
}

TEST_CASE("a task that breeds without end is ended as a whole") {
  connected c;
  // Without end for a launcher that does nothing: 255 shells.
  auto spec = c.script("T1", "breed() { if [ $1 -gt 0 ]; then breed $(($1 - 1)) & "
                             "breed $(($1 - 1)) & fi; sleep 1000; }; breed 7");
  check_crowd_is_ended(c, std::move(spec), 50);
}

TEST_CASE("processes that left the task's group and session count, and are ended with it") {
  connected c;
  const auto bomb = c.workspace.path() / "bomb";
  std::ofstream{bomb} << "#!/bin/sh\n[ $1 = 0 ] || { setsid ./bomb $(($1 - 1)) & "
                         "setsid ./bomb $(($1 - 1)) & }\nsleep 1000\n";
  std::filesystem::permissions(bomb, std::filesystem::perms::owner_all);
  check_crowd_is_ended(c, c.script("T1", "./bomb 6"), 50);
}

TEST_CASE("another node's task of the same name is not ended with a crowd, and no part of it") {
  connected other;
  const auto same = other.script("T1", start_many(60) + "touch ready; wait");
  REQUIRE_FALSE(other.link.client->start({same}));
  CHECK(other.said.start_of(same.key).pid > 0);
  CHECK(other.run(other.script("T2", "until [ -e ready ]; do :; done")).ok());
  connected modest;
  auto few = modest.script("T1", start_many(60) + "mkfifo gate; read x <gate");
  few.max_processes = 100;
  REQUIRE_FALSE(modest.link.client->start({few}));
  connected c;
  check_crowd_is_ended(c, c.script("T1", start_many(300) + "wait"), 100);
  CHECK(modest.run(modest.script("T2", "until [ -p gate ]; do :; done; echo >gate")).ok());
  CHECK(modest.said.exit_of(few.key).kind == exit_kind::exited);
  REQUIRE_FALSE(other.link.client->cancel({same.key}));
  CHECK(other.said.exit_of(same.key).kind == exit_kind::cancelled);
}

TEST_CASE("many processes one after the other are not many at once") {
  connected c;
  auto spec = c.script("T1", "i=0; while [ $i -lt 500 ]; do /bin/true; i=$((i + 1)); done");
  spec.max_processes = 3;
  CHECK(c.run(spec).ok());
}

TEST_CASE("a task without a limit, and one below its own, are no concern of another's limit") {
  connected c;
  const auto wait = "mkfifo $AEO_TASK; " + start_many(60) + "read x <$AEO_TASK";
  auto free = c.script("T1", wait);
  auto modest = c.script("T2", wait);
  modest.max_processes = 61;
  auto crowded = c.script("T3", start_many(60) + "wait");
  crowded.max_processes = 20;
  REQUIRE_FALSE(c.link.client->start({free, modest}));
  CHECK(c.run(crowded).kind == exit_kind::over_limit);
  CHECK(c.run(c.script("T4", "for p in T1 T2; do until test -p $p; do :; done; echo >$p; done"))
            .ok());
  for (const auto& spec : {free, modest}) {
    const auto x = c.said.exit_of(spec.key);
    CHECK(x.ok());
    CHECK(x.leftovers == 60);
  }
}

TEST_CASE("a task that has to end and then starts many processes is not waited for") {
  connected c;
  auto spec =
      c.script("T1", "trap '" + start_many(60) + "wait' TERM; echo ready; sleep 1000 & wait");
  spec.max_processes = 20;
  spec.timeout_ms = 100;
  spec.grace_ms = 3'600'000;
  const auto x = time_out(c, spec);
  CHECK(x.kind == exit_kind::timed_out);
  CHECK(x.code == SIGKILL);
  CHECK(living_of(c) == 0);
}

TEST_CASE("a daemon that gave up the task's name is left alone, and reaped when it ends") {
  connected c;
  auto spec =
      c.script("T1", "env -u AEO_TASK setsid sh -c 'echo $$ >pid; sleep 1000' >/dev/null 2>&1 & "
                     "until test -s pid; do :; done");
  const auto x = c.run(spec);
  CHECK(x.ok());
  const auto pid = std::stoi(content(c.workspace.path() / "pid"));
  const auto info = io::find_process(pid);
  REQUIRE(info);
  CHECK_FALSE(info->ended());
  const auto handle = io::open_process(*info);
  ::kill(-pid, SIGKILL);
  // The launcher is its parent now; a task that it runs afterwards comes after the reaping.
  pollfd end{handle.get(), POLLIN, 0};
  REQUIRE(::poll(&end, 1, 10000) == 1);
  CHECK(c.run(c.script("T2", "true")).ok());
  CHECK_FALSE(io::find_process(pid).has_value());
}

TEST_CASE("folders of the PATH that cannot be looked into are passed over") {
  connected c;
  const auto loop = c.workspace.path() / "loop";
  std::filesystem::create_symlink("loop", loop);
  const auto file = c.workspace.path() / "no-program";
  std::ofstream{file} << "no folder";
  auto spec = make_task(c.workspace.path(), "T1", {"true"});
  spec.env = {{"PATH", loop.string() + ":" + file.string() + ":" + std::string(300, 'x') + ":"
                           + c.workspace.path().string() + ":/usr/bin:/bin"}};
  // Neither a folder of that name nor a file that may not be executed is the program.
  std::filesystem::create_directory(c.workspace.path() / "true");
  CHECK(c.run(spec).ok());
  spec.key.task = "T2";
  spec.argv = {"no-program"};
  const auto x = c.run(spec);
  CHECK(x.kind == exit_kind::not_started);
  CHECK(x.code == ENOENT);
  CHECK(x.detail.starts_with("command not found: no-program (PATH="));
}

TEST_CASE("a task asked for twice is run once") {
  connected c;
  auto spec = c.script("T1", "echo ran >>count; sleep 0.2");
  REQUIRE_FALSE(c.link.client->start({spec, spec}));
  CHECK(c.said.exit_of(spec.key).ok());
  REQUIRE_FALSE(c.link.client->start({spec}));
  CHECK(c.run(c.script("T2", "true")).ok());
  CHECK(content(c.workspace.path() / "count") == "ran\n");
}

TEST_CASE("hundreds of tasks in one call are all told once") {
  connected c;
  std::vector<task_spec> specs;
  for (int i = 0; i < 300; ++i) {
    specs.push_back(make_task(c.workspace.path(), "T" + std::to_string(i), {"true"}));
    specs.back().env = {{"FILL", std::string(5000, 'x')}}; // More than one datagram in total.
  }
  REQUIRE_FALSE(c.link.client->start(specs));
  REQUIRE(c.said.wait_for_exits(300));
  for (const auto& spec : specs) {
    CHECK(c.said.exit_of(spec.key).ok());
    CHECK(c.said.times_exited(spec.key) == 1);
  }
}

TEST_CASE("a command too large for a datagram is refused as not started, the others run") {
  connected c;
  auto large = make_task(c.workspace.path(), "T1", {"true"});
  for (int i = 0; i < 10; ++i)
    large.argv.emplace_back(100'000, 'x');
  const auto small = make_task(c.workspace.path(), "T2", {"true"});
  REQUIRE_FALSE(c.link.client->start({large, small}));
  const auto x = c.said.exit_of(large.key);
  CHECK(x.kind == exit_kind::not_started);
  CHECK(x.code == E2BIG);
  CHECK(x.detail.find("pass large data in a file") != std::string::npos);
  CHECK(c.said.exit_of(small.key).ok());
}

TEST_CASE("more tasks at once than files may be open still run, with their own limit") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit low{64, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  {
    connected c;
    std::vector<task_spec> specs;
    specs.reserve(60);
    for (int i = 0; i < 60; ++i)
      specs.push_back(c.script("T" + std::to_string(i), "ulimit -n >>limits; sleep 1000"));
    REQUIRE_FALSE(c.link.client->start(specs));
    std::vector<task_key> keys;
    for (const auto& spec : specs) {
      CHECK(c.said.start_of(spec.key).pid > 0);
      keys.push_back(spec.key);
    }
    REQUIRE_FALSE(c.link.client->cancel(keys));
    REQUIRE(c.said.wait_for_exits(specs.size()));
    CHECK(content(c.workspace.path() / "limits").find_first_not_of("64\n") == std::string::npos);
  }
  ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST_CASE("a workspace path of any length works") {
  connected c{std::string(100, 'a') + "/" + std::string(100, 'b')};
  CHECK(c.run(c.script("T1", "true")).ok());
}
