// What is left, and what is not, when the node, the launcher or both are killed.

#include "actors/io/launcher_survivors.hpp"
#include "tests/tools/launcher/connected.hpp"

#include <sys/wait.h>

#include <csignal>
#include <functional>

using namespace aeo;
using namespace aeo::fixtures;

namespace {

/// A node in a process of its own, which ends only by being killed.
class killable_node {
public:
  using script = std::function<void(const std::filesystem::path&, io::launcher&, heard&)>;

  killable_node(const std::filesystem::path& workspace, const script& run) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const io::unique_fd in{ends[0]};
    io::unique_fd out{ends[1]};
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      heard said;
      auto link = io::connect_launcher(launcher_of(workspace), said.callbacks());
      if (link) {
        run(workspace, *link->client, said);
        [[maybe_unused]] const auto n = ::write(out.get(), "+", 1);
      }
      for (;;)
        ::pause();
    }
    out.reset();
    char done = 0;
    REQUIRE(::read(in.get(), &done, 1) == 1);
  }
  ~killable_node() { kill(); }
  killable_node(const killable_node&) = delete;
  killable_node& operator=(const killable_node&) = delete;

  void kill() {
    if (pid_ == 0)
      return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

private:
  pid_t pid_ = 0;
};

const task_key quick{"0", "quick", 1};
const task_key acked{"0", "acked", 1};
const task_key slow{"0", "slow", 1};

/// One task that runs, one that ended, one whose end is acknowledged.
void run_three(const std::filesystem::path& at, io::launcher& to, heard& said) {
  (void)to.start({make_script(at, "acked", "exit 0")});
  said.exit_of(acked);
  (void)to.acknowledge({acked});
  (void)to.start({make_script(at, "slow", "echo $$ >slow.pid; sleep 1000"),
                  make_script(at, "quick", "until test -s slow.pid; do :; done; exit 4")});
  said.start_of(slow);
  said.exit_of(quick);
}

pid_t slow_pid(const scratch_folder& workspace) {
  return std::stoi(content(workspace.path() / "slow.pid"));
}

void check_quick_only(const std::vector<task_exit>& ended) {
  REQUIRE(ended.size() == 1);
  CHECK(ended.front().key == quick);
  CHECK(ended.front().kind == exit_kind::exited);
  CHECK(ended.front().code == 4);
}

io::launcher_link connect(const scratch_folder& workspace, heard& said,
                          const std::string& execution = "e-1") {
  auto link = io::connect_launcher(launcher_of(workspace.path(), execution), said.callbacks());
  if (!link)
    FAIL(message_of(link.error()));
  return std::move(*link);
}

/// Starts, by a task that ends, a process with a launcher's own environment, and kills the
/// launcher.
pid_t leave_marked(connected& c, const std::string& wrapper) {
  std::string why;
  const auto folder = io::open_launcher_folder(c.workspace.path(), why);
  const auto marker = std::string{io::launcher_marker} + "=" + io::folder_id(folder.get());
  auto spec = c.script("T1", "");
  spec.argv = {"bash", "-c",
               "set -m; env -u AEO_TASK " + marker + " " + wrapper
                   + " sh -c 'echo $$ >pid; exec sleep 1000' >/dev/null 2>&1 & "
                     "until test -s pid; do :; done"};
  REQUIRE(c.run(spec).ok());
  io::signal_process(launcher_process(c.workspace.path()), SIGKILL);
  c.said.reason_gone();
  return std::stoi(content(c.workspace.path() / "pid"));
}

} // namespace

TEST_CASE("after the node is killed, running tasks are adopted and exits come until acknowledged") {
  const scratch_folder workspace;
  killable_node node{workspace.path(), run_three};
  node.kill();
  {
    heard said;
    const auto link = connect(workspace, said);
    CHECK(link.inventory.found);
    REQUIRE(link.inventory.running.size() == 1);
    CHECK(link.inventory.running.front().key == slow);
    CHECK(link.inventory.running.front().pid == slow_pid(workspace));
    check_quick_only(link.inventory.ended);
    REQUIRE_FALSE(link.client->acknowledge({quick}));
  }
  heard said;
  const auto link = connect(workspace, said);
  CHECK(link.inventory.running.size() == 1);
  CHECK(link.inventory.ended.empty());
  REQUIRE_FALSE(link.client->cancel({slow}));
  CHECK(said.exit_of(slow).kind == exit_kind::cancelled);
}

TEST_CASE("without a node tasks end, timeouts hold, the launcher ends, and nothing is lost") {
  const scratch_folder workspace;
  killable_node node{workspace.path(), [](const auto& at, io::launcher& to, heard& said) {
                       auto late = make_script(at, "late", "sleep 1000");
                       late.timeout_ms = 300;
                       (void)to.start({late, make_script(at, "quick", "sleep 0.1; exit 4")});
                       said.start_of(quick);
                     }};
  const auto launcher = launcher_process(workspace.path());
  REQUIRE(launcher);
  node.kill();
  REQUIRE(ends(launcher));
  CHECK_FALSE(std::filesystem::exists(workspace.path() / "consolidation/.aeo/launcher.sock"));
  heard said;
  const auto link = connect(workspace, said);
  CHECK_FALSE(link.inventory.found);
  CHECK(link.inventory.running.empty());
  REQUIRE(link.inventory.ended.size() == 2);
  CHECK(link.inventory.ended[0].kind == exit_kind::timed_out);
  CHECK(link.inventory.ended[1].key == quick);
  REQUIRE_FALSE(link.client->acknowledge({quick, {"0", "late", 1}}));
}

TEST_CASE("after the launcher is killed its tasks are ended before another is connected") {
  connected c;
  run_three(c.workspace.path(), *c.link.client, c.said);
  const auto launcher = launcher_process(c.workspace.path());
  // One that hides from its environment, one that hides from its group.
  auto hidden = c.script("hidden", "exec env -i sleep 1001");
  auto far = c.script("far", "setsid sleep 1002 & echo $! >far.pid; wait");
  REQUIRE_FALSE(c.link.client->start({hidden, far}));
  const auto hidden_pid = static_cast<pid_t>(c.said.start_of(hidden.key).pid);
  REQUIRE(c.run(c.script("see", "until test -s far.pid; do :; done")).ok());
  const auto far_pid = std::stoi(content(c.workspace.path() / "far.pid"));
  io::signal_process(launcher, SIGKILL);
  CHECK(c.said.reason_gone().find("launcher.log") != std::string::npos);
  CHECK_FALSE(is_gone(slow_pid(c.workspace)));
  CHECK_FALSE(is_gone(hidden_pid));
  heard said;
  const auto link = connect(c.workspace, said);
  CHECK(is_gone(slow_pid(c.workspace)));
  CHECK(is_gone(hidden_pid));
  CHECK(is_gone(far_pid));
  CHECK_FALSE(link.inventory.found);
  CHECK(link.inventory.running.empty());
  CHECK(link.inventory.ended.size() == 2); // quick and see.
  REQUIRE(link.notes.size() == 1);
  CHECK(link.notes.front().find("processes of its tasks were ended") != std::string::npos);
}

TEST_CASE("after node and launcher are killed at once, recorded exits come and tasks are ended") {
  const scratch_folder workspace;
  killable_node node{workspace.path(), run_three};
  io::signal_process(launcher_process(workspace.path()), SIGKILL);
  node.kill();
  heard said;
  const auto link = connect(workspace, said);
  CHECK(is_gone(slow_pid(workspace)));
  CHECK(link.inventory.running.empty());
  check_quick_only(link.inventory.ended);
}

TEST_CASE("after the node is killed and then the launcher, the same holds") {
  const scratch_folder workspace;
  killable_node node{workspace.path(), run_three};
  const auto launcher = launcher_process(workspace.path());
  node.kill();
  io::signal_process(launcher, SIGKILL);
  REQUIRE(ends(launcher));
  const auto found = io::end_survivors(workspace.path(), "e-1");
  REQUIRE(found);
  CHECK(found->processes == 2); // The shell and its sleep.
  CHECK(found->lost == std::vector<task_key>{slow});
  check_quick_only(found->ended);
  CHECK(is_gone(slow_pid(workspace)));
  heard said;
  check_quick_only(connect(workspace, said).inventory.ended);
}

TEST_CASE("what a finished task left running on purpose survives a killed launcher") {
  connected c;
  auto spec = c.script("T1", "env -u AEO_TASK setsid sh -c 'echo $$ >pid; exec sleep 1000' "
                             ">/dev/null 2>&1 & "
                             "until test -s pid; do :; done");
  REQUIRE(c.run(spec).ok());
  const auto pid = std::stoi(content(c.workspace.path() / "pid"));
  const auto launcher = launcher_process(c.workspace.path());
  io::signal_process(launcher, SIGKILL);
  c.said.reason_gone();
  heard said;
  const auto link = connect(c.workspace, said);
  CHECK_FALSE(is_gone(pid));
  for (const auto& note : link.notes)
    UNSCOPED_INFO(note);
  CHECK(link.notes.empty());
  ::kill(pid, SIGKILL);
}

TEST_CASE("a task between fork and exec ends with its launcher") {
  connected c;
  const auto pid = leave_marked(c, ""); // A group of its own in the launcher's session.
  heard said;
  const auto link = connect(c.workspace, said);
  CHECK(is_gone(pid));
  CHECK(link.notes.size() == 1);
}

TEST_CASE("another launcher that starts is no survivor of a killed one") {
  connected c;
  const auto pid = leave_marked(c, "setsid"); // As it is before it has its lock.
  heard said;
  const auto link = connect(c.workspace, said);
  CHECK_FALSE(is_gone(pid));
  CHECK(link.notes.empty());
  ::kill(pid, SIGKILL);
}

TEST_CASE("a torn record is dropped and told") {
  const scratch_folder workspace;
  {
    killable_node node{workspace.path(), run_three};
    io::signal_process(launcher_process(workspace.path()), SIGKILL);
  }
  std::ofstream{workspace.path() / "consolidation/.aeo/launcher.records", std::ios::app} << "torn!";
  heard said;
  const auto link = connect(workspace, said);
  check_quick_only(link.inventory.ended);
  REQUIRE(link.notes.size() == 2);
  CHECK(link.notes.front().find("the last 5 of") != std::string::npos);
  CHECK(content(workspace.path() / "consolidation/logs/launcher.log").find("the last 5 of")
        != std::string::npos);
}

TEST_CASE("SIGTERM to the launcher ends its tasks, which are told as ended by a signal") {
  connected c;
  auto spec = c.script("T1", "trap 'exit 0' TERM; echo up; sleep 1000 & wait");
  REQUIRE_FALSE(c.link.client->start({spec}));
  REQUIRE(c.said.start_of(spec.key).pid > 0);
  auto see = c.script("T2", "until test -s " + spec.log + "; do :; done");
  REQUIRE(c.run(see).ok());
  const auto launcher = launcher_process(c.workspace.path());
  io::signal_process(launcher, SIGTERM);
  const auto x = c.said.exit_of(spec.key);
  CHECK(x.kind == exit_kind::signalled);
  CHECK(x.detail.find("the launcher was told to end") != std::string::npos);
  REQUIRE_FALSE(c.link.client->acknowledge({spec.key, see.key}));
  CHECK(ends(launcher));
  CHECK_FALSE(c.said.reason_gone().empty());
  CHECK_FALSE(std::filesystem::exists(c.workspace.path() / "consolidation/.aeo/launcher.records"));
}

TEST_CASE("ending an execution's survivors also ends a launcher that lives") {
  const scratch_folder workspace;
  killable_node node{workspace.path(), run_three};
  const auto launcher = launcher_process(workspace.path());
  const auto other = io::end_survivors(workspace.path(), "e-2");
  REQUIRE_FALSE(other);
  CHECK(message_of(other.error()).find("serves another execution: e-1") != std::string::npos);
  node.kill();
  const auto found = io::end_survivors(workspace.path(), "e-1");
  REQUIRE(found);
  CHECK(is_gone(slow_pid(workspace)));
  CHECK(ends(launcher));
  CHECK(found->lost.empty());
  CHECK(found->ended.size() == 2); // quick, and slow with the signal that ended it.
}

TEST_CASE("another execution is refused while tasks run, and served when none do") {
  const scratch_folder workspace;
  killable_node node{workspace.path(), run_three};
  node.kill();
  heard said;
  auto refused = io::connect_launcher(launcher_of(workspace.path(), "e-2"), said.callbacks());
  REQUIRE_FALSE(refused);
  CHECK(message_of(refused.error()).find("still runs 1 tasks of execution e-1")
        != std::string::npos);
  {
    const auto link = connect(workspace, said);
    REQUIRE_FALSE(link.client->cancel({slow}));
    said.exit_of(slow);
    REQUIRE_FALSE(link.client->acknowledge({slow, quick}));
  }
  const auto link = connect(workspace, said, "e-2");
  CHECK(link.inventory.ended.empty());
  REQUIRE_FALSE(link.client->start({make_script(workspace.path(), "next", "exit 0")}));
  CHECK(said.exit_of({"0", "next", 1}).ok());
}

TEST_CASE("a copied workspace does not end the tasks of the one it was copied from") {
  const scratch_folder workspace;
  killable_node node{workspace.path(), run_three};
  const auto copy = workspace.path().string() + "-copy";
  std::filesystem::create_directories(copy + "/consolidation/.aeo");
  std::filesystem::copy_file(workspace.path() / "consolidation/.aeo/launcher.records",
                             copy + "/consolidation/.aeo/launcher.records");
  const auto found = io::end_survivors(copy, "e-1");
  std::filesystem::remove_all(copy);
  REQUIRE(found);
  CHECK(found->processes == 0);
  CHECK_FALSE(is_gone(slow_pid(workspace)));
  node.kill();
  REQUIRE(io::end_survivors(workspace.path(), "e-1"));
}
