#include "tests/tools/launcher/connected.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>

#include <cerrno>
#include <csignal>
#include <fstream>

using namespace aeo;
using namespace aeo::fixtures;

namespace {

/// A launcher with one slot, and a task that holds it until it is let go.
struct one_slot {
  one_slot() {
    REQUIRE(::mkfifo((workspace.path() / "gate").c_str(), 0600) == 0);
    connect();
  }

  void connect() {
    auto options = launcher_of(workspace.path());
    options.slots = 1;
    auto made = io::connect_launcher(options, said.callbacks());
    if (!made)
      FAIL(message_of(made.error()));
    link = std::move(*made);
  }

  /// Starts it first, then the others.
  void occupy(std::vector<task_spec> others) {
    others.insert(others.begin(), holder);
    REQUIRE_FALSE(link.client->start(others));
    REQUIRE(said.start_of(holder.key).pid > 0);
  }
  void let_go() { std::ofstream{workspace.path() / "gate"} << "go\n"; }

  task_spec script(const std::string& name, const std::string& text) const {
    return make_script(workspace.path(), name, text);
  }

  scratch_folder workspace;
  task_spec holder = script("holder", "read -r x <gate");
  heard said;
  io::launcher_link link;
};

} // namespace

TEST_CASE("no more tasks run at once than there are slots, the others in the order they came") {
  one_slot s;
  const auto a = s.script("a", "echo a >>order");
  const auto b = s.script("b", "echo b >>order");
  s.occupy({b, a});
  s.let_go();
  const auto first = s.said.exit_of(s.holder.key);
  const auto second = s.said.exit_of(b.key);
  const auto third = s.said.exit_of(a.key);
  CHECK(first.ok());
  CHECK(second.started_us >= first.ended_us);
  CHECK(third.started_us >= second.ended_us);
  CHECK(content(s.workspace.path() / "order") == "b\na\n");
}

TEST_CASE("a command that cannot be started leaves its slot to the next one") {
  one_slot s;
  const auto missing = make_task(s.workspace.path(), "missing", {"no-such-program"});
  const auto next = s.script("next", "true");
  s.occupy({missing, next});
  s.let_go();
  CHECK(s.said.exit_of(missing.key).kind == exit_kind::not_started);
  CHECK(s.said.exit_of(next.key).ok());
}

TEST_CASE("a task that waits for a slot can be withdrawn, one that runs cannot") {
  one_slot s;
  const auto waits = s.script("waits", "echo ran >>order");
  s.occupy({waits});
  REQUIRE_FALSE(s.link.client->withdraw({s.holder.key, waits.key}));
  const auto x = s.said.exit_of(waits.key);
  CHECK(x.kind == exit_kind::cancelled);
  CHECK(x.pid == 0);
  s.let_go();
  CHECK(s.said.exit_of(s.holder.key).ok());
  // It has left nothing behind: asked for again, it runs.
  REQUIRE_FALSE(s.link.client->start({waits, s.script("last", "true")}));
  CHECK(s.said.exit_of({"0", "last", 1}).ok());
  CHECK(content(s.workspace.path() / "order") == "ran\n");
}

TEST_CASE("a task that is cancelled while it waits for a slot is never started") {
  one_slot s;
  const auto waits = s.script("waits", "echo ran >>order");
  s.occupy({waits});
  REQUIRE_FALSE(s.link.client->cancel({waits.key}));
  const auto x = s.said.exit_of(waits.key);
  CHECK(x.kind == exit_kind::cancelled);
  CHECK(x.detail == "cancelled before it was started");
  s.let_go();
  CHECK(s.said.exit_of(s.holder.key).ok());
  CHECK_FALSE(std::filesystem::exists(s.workspace.path() / "order"));
}

TEST_CASE("a task asked for twice while it waits for a slot is run once") {
  one_slot s;
  const auto waits = s.script("waits", "echo ran >>order");
  s.occupy({waits, waits});
  REQUIRE_FALSE(s.link.client->start({waits, s.script("last", "true")}));
  s.let_go();
  CHECK(s.said.exit_of({"0", "last", 1}).ok());
  CHECK(content(s.workspace.path() / "order") == "ran\n");
}

TEST_CASE("what waits for a slot is forgotten with its node, what runs is not") {
  one_slot s;
  const auto waits = s.script("waits", "echo ran >>order");
  s.occupy({waits});
  s.link.client->close();
  s.connect();
  REQUIRE(s.link.inventory.running.size() == 1);
  CHECK(s.link.inventory.running.front().key == s.holder.key);
  CHECK(s.link.inventory.ended.empty());
  s.let_go();
  CHECK(s.said.exit_of(s.holder.key).ok());
  const auto last = s.script("last", "true");
  REQUIRE_FALSE(s.link.client->start({last}));
  CHECK(s.said.exit_of(last.key).ok());
  CHECK_FALSE(std::filesystem::exists(s.workspace.path() / "order"));
}

TEST_CASE("a launcher that is told to end says so of what waits for a slot") {
  one_slot s;
  const auto waits = s.script("waits", "echo ran >>order");
  s.occupy({waits});
  std::string why;
  const auto folder = io::open_launcher_folder(s.workspace.path(), why);
  REQUIRE(folder);
  REQUIRE(::kill(io::launcher_lock{folder.get()}.holder(), SIGTERM) == 0);
  const auto x = s.said.exit_of(waits.key);
  CHECK(x.kind == exit_kind::not_started);
  CHECK(x.code == ECANCELED);
  CHECK(s.said.exit_of(s.holder.key).kind == exit_kind::signalled);
  CHECK_FALSE(std::filesystem::exists(s.workspace.path() / "order"));
}
