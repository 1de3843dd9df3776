// Stored state that is damaged, and disks that do not take it. Nothing that a person may still
// need is overwritten.

#include "tests/fixtures/scenario.hpp"

#include <catch2/catch_test_macros.hpp>

#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

using namespace aeo;
using namespace aeo::testing;

namespace {

namespace fs = std::filesystem;

void run_until_b_fails(const temp_workspace& w) {
  write_plan(w, {{"a", shell_phase({}, "echo a >> ledger")},
                 {"b", shell_phase({"a"}, "echo b >> ledger; test -e fixed")}});
  auto r = run_node(w);
  INFO(r.output);
  REQUIRE(r.exit_code == 1);
}

const std::string state = "consolidation/execution_state.json";

/// The bytes of the file that begins with `name` and ends with `suffix`.
std::string kept(const temp_workspace& w, const std::string& name, const std::string& suffix) {
  for (const auto& [file, bytes] : tree_of(w.path()))
    if (file.starts_with(name) && file.ends_with(suffix))
      return bytes;
  return "(there is none)";
}

/// Refused, named and unchanged with and without --resume; kept aside by --fresh.
void check_damaged_database(const temp_workspace& w) {
  auto bytes = w.read(database);
  for (const auto& options : {std::vector<std::string>{}, {"--resume"}}) {
    auto r = run_node(w, options);
    INFO(r.output);
    CHECK(r.exit_code == 78);
    CHECK(contains(r.output, database + " is damaged"));
    CHECK(w.read(database) == bytes);
  }
  CHECK(w.read("ledger") == "a\nb\n");
  w.write("fixed", "");
  auto r = run_node(w, {"--fresh"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(contains(r.output, "is kept as"));
  CHECK(kept(w, database + ".", ".damaged") == bytes);
}

/// A small file system of its own, seen by this process and those it starts.
class small_disk {
public:
  small_disk(fs::path where, const char* options, unsigned long flags = 0)
      : where_(std::move(where)) {
    auto ready = unshare(CLONE_NEWNS) == 0
                 && mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0
                 && mount("aeo-test", where_.c_str(), "tmpfs", flags, options) == 0;
    if (!ready)
      problem_ = std::strerror(errno);
  }
  ~small_disk() {
    if (problem_.empty())
      umount2(where_.c_str(), MNT_DETACH);
  }
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;

  /// Why there is none; empty: there is one.
  const std::string& problem() const { return problem_; }

private:
  fs::path where_;
  std::string problem_;
};

/// Writes until nothing more fits.
void fill(const fs::path& file) {
  int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(fd >= 0);
  const std::string page(4096, 'x');
  while (write(fd, page.data(), page.size()) > 0)
    continue;
  CHECK(errno == ENOSPC);
  close(fd);
}

} // namespace

TEST_CASE("a database of garbage is named, kept as it is, and set aside by --fresh") {
  temp_workspace w;
  run_until_b_fails(w);
  std::string garbage;
  for (int i = 0; i < 3000; ++i)
    garbage += "no database ";
  w.write(database, garbage);
  check_damaged_database(w);
}

TEST_CASE("a database that was cut off is named, kept as it is, and set aside by --fresh") {
  temp_workspace w;
  run_until_b_fails(w);
  fs::resize_file(w.path() / database, fs::file_size(w.path() / database) / 2);
  check_damaged_database(w);
}

TEST_CASE("a damaged database moved away as advised, the state file alone goes on") {
  temp_workspace w;
  run_until_b_fails(w);
  w.write(database, std::string(10'000, 'x'));
  CHECK(run_node(w, {"--resume"}).exit_code == 78);
  fs::rename(w.path() / database, w.path() / "aside.db");
  w.write("fixed", "");
  auto r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(w.read("ledger") == "a\nb\nb\n");
}

TEST_CASE("a state file that is cut off or edited is named and kept when the database is gone") {
  temp_workspace w;
  run_until_b_fails(w);
  for (const auto* part : {"", "-wal", "-shm"})
    fs::remove(w.path() / (database + part));
  auto whole = w.read(state);
  auto edited = whole;
  edited.replace(edited.find("\"failed\""), 8, "\"approved\"");
  for (const auto& damaged : {whole.substr(0, whole.size() / 2), edited}) {
    w.write(state, damaged);
    for (const auto& options : {std::vector<std::string>{}, {"--resume"}}) {
      auto r = run_node(w, options);
      INFO(r.output);
      CHECK(r.exit_code == 78);
      CHECK(contains(r.output, state + " is damaged"));
      CHECK(w.read(state) == damaged);
    }
  }
  CHECK(w.read("ledger") == "a\nb\n");
  w.write("fixed", "");
  CHECK(run_node(w, {"--fresh"}).exit_code == 0);
  CHECK(kept(w, state + ".", ".before") == edited);
}

TEST_CASE("a database that lost its newest events is refused, and each way out goes on") {
  for (const std::string way : {"database", "state"}) {
    temp_workspace w;
    run_until_b_fails(w);
    fs::copy(w.path() / database, w.path() / "older.db");
    w.write("fixed", "");
    REQUIRE(run_node(w, {"--resume"}).exit_code == 0);
    fs::copy(w.path() / "older.db", w.path() / database, fs::copy_options::overwrite_existing);
    auto r = run_node(w, {"--resume"});
    INFO(r.output);
    CHECK(r.exit_code == 78);
    CHECK(contains(r.output, "the newest events are lost"));
    CHECK(w.read("ledger") == "a\nb\nb\n");
    fs::rename(w.path() / (way == "database" ? database : state), w.path() / "moved");
    r = run_node(w, {"--resume"});
    INFO(r.output);
    CHECK(r.exit_code == 0);
    // The database does not know that b was approved; the state file does.
    CHECK(w.read("ledger") == (way == "database" ? "a\nb\nb\n" : "a\nb\nb\nb\n"));
  }
}

TEST_CASE("a database that does not know the state file's execution is refused until one is away") {
  for (const std::string away : {"", "database", "state"}) {
    temp_workspace w;
    temp_workspace other;
    run_until_b_fails(w);
    run_until_b_fails(other);
    other.write("fixed", "");
    REQUIRE(run_node(other, {"--resume"}).exit_code == 0);
    const auto id = state_file(w)["execution_id"].get<std::string>();
    const auto foreign = state_file(other)["execution_id"].get<std::string>();
    fs::rename(w.path() / database, w.path() / "right.db");
    fs::copy(other.path() / database, w.path() / database);
    const auto shown = w.read(state);
    auto r = run_node(w, {"--resume"});
    INFO(r.output);
    CHECK(r.exit_code == 78);
    for (const auto& part : {id, foreign, database, state})
      CHECK(contains(r.output, part));
    CHECK(contains(r.output, "does not know"));
    CHECK(w.read(state) == shown);
    CHECK(w.read(database) == other.read(database));
    if (away == "state")
      fs::rename(w.path() / state, w.path() / "moved");
    else
      fs::rename(w.path() / database, w.path() / "moved");
    if (away.empty())
      fs::rename(w.path() / "right.db", w.path() / database);
    w.write("fixed", "");
    r = run_node(w, {"--resume"});
    INFO(r.output);
    CHECK(r.exit_code == 0);
    CHECK(state_file(w)["execution_id"] == (away == "state" ? foreign : id));
    CHECK(w.read("ledger") == (away == "state" ? "a\nb\n" : "a\nb\nb\n"));
  }
}

TEST_CASE("a shorter log of another execution is not taken for one that lost its newest events") {
  temp_workspace w;
  temp_workspace other;
  run_until_b_fails(w);
  run_until_b_fails(other);
  REQUIRE(run_node(w, {"--resume"}).exit_code == 1);
  fs::copy(other.path() / database, w.path() / database, fs::copy_options::overwrite_existing);
  auto r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 78);
  CHECK(contains(r.output, "does not know"));
  CHECK_FALSE(contains(r.output, "lost"));
}

TEST_CASE("a state file of the execution before is behind the database, and not another's") {
  temp_workspace w;
  run_until_b_fails(w);
  const auto before = w.read(state);
  w.write("fixed", "");
  REQUIRE(run_node(w, {"--fresh"}).exit_code == 0);
  const auto id = state_file(w)["execution_id"];
  w.write(state, before); // As if the node had been killed before it wrote its first.
  auto r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(state_file(w)["execution_id"] == id);
  CHECK(w.read("ledger") == "a\nb\na\nb\n");
}

TEST_CASE("a damaged state file beside a sound database is named, kept and written anew") {
  temp_workspace w;
  run_until_b_fails(w);
  auto damaged = w.read(state).substr(0, 100);
  w.write(state, damaged);
  w.write("fixed", "");
  auto r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(contains(r.output, "the damaged file is kept as"));
  CHECK(kept(w, state + ".", ".damaged") == damaged);
}

TEST_CASE("a full disk stops the starting of phases; with space again the run goes on") {
  temp_workspace w;
  small_disk disk{w.path(), "size=4m"};
  if (!disk.problem().empty())
    SKIP("a small file system cannot be mounted: " << disk.problem());
  write_plan(w, {{"a", shell_phase({}, "mkfifo pipe; echo a >> ledger; read x < pipe")},
                 {"b", shell_phase({"a"}, "echo b >> ledger")},
                 {"c", shell_phase({"b"}, "echo c >> ledger")}});
  temp_workspace outside;
  auto output = outside.path() / "output";
  program node{{"/bin/sh", "-c",
                "exec " + std::string{AEO_BIN_DIR} + "/aeo-node --workspace " + w.path().string()
                    + " > " + output.string() + " 2>&1"}};
  wait_for_text(w.path() / "ledger", "a");
  fill(w.path() / "filler");
  release(w);
  wait_for_text(output, "storage fails");
  CHECK(w.read("ledger") == "a\n");
  CHECK_FALSE(node.has_ended());
  fs::remove(w.path() / "filler");
  auto r = node.wait();
  auto said = outside.read("output");
  INFO(said);
  CHECK(r.exit_code == 0);
  // Whichever of the database and the state file is written first.
  CHECK((contains(said, "disk is full") || contains(said, "No space left on device")));
  CHECK(contains(said, "storage works again"));
  CHECK(w.read("ledger") == "a\nb\nc\n");
  auto events = stored_events(w);
  CHECK(count_events(events, event_kind::phase_approved) == 3);
  CHECK(count_events(events, event_kind::task_finished) == 3);
  check_chain(w);
  CHECK(state_file(w)["overall_status"] == "completed");
  check_nothing_left(w);
}

TEST_CASE("while another program locks the database no phase starts, and nothing is lost") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "mkfifo pipe; echo a >> ledger; read x < pipe")},
                 {"b", shell_phase({"a"}, "echo b >> ledger")}});
  temp_workspace outside;
  auto output = outside.path() / "output";
  program node{{"/bin/sh", "-c",
                "exec " + std::string{AEO_BIN_DIR} + "/aeo-node --workspace " + w.path().string()
                    + " > " + output.string() + " 2>&1"}};
  wait_for_text(w.path() / "ledger", "a");
  {
    SQLite::Database other{(w.path() / database).string(), SQLite::OPEN_READWRITE, 10'000};
    SQLite::Transaction lock{other, SQLite::TransactionBehavior::IMMEDIATE};
    release(w);
    wait_for_text(output, "storage fails");
    CHECK(w.read("ledger") == "a\n");
  }
  auto r = node.wait();
  INFO(outside.read("output"));
  CHECK(r.exit_code == 0);
  CHECK(contains(outside.read("output"), "database is locked"));
  CHECK(w.read("ledger") == "a\nb\n");
  CHECK(count_events(stored_events(w), event_kind::phase_approved) == 2);
}

TEST_CASE("output that no log takes is said to be missing") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "echo hello")}});
  w.write("consolidation/logs/a", "in the way of the folder");
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(contains(r.output, "task t: the log lacks 6 bytes of output"));
}

TEST_CASE("a consolidation folder that cannot be written to is a clear error, and nothing runs") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "echo a >> ledger")}});
  auto folder = w.path() / "consolidation";
  fs::create_directory(folder);
  auto is_root = geteuid() == 0;
  fs::permissions(folder, fs::perms{0500});
  auto disk = is_root ? std::make_unique<small_disk>(folder, "size=1m", MS_RDONLY) : nullptr;
  if (disk && !disk->problem().empty())
    SKIP("a read-only file system cannot be mounted: " << disk->problem());
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 78);
  CHECK(contains(r.output, folder.string()));
  CHECK((contains(r.output, "Read-only file system") || contains(r.output, "Permission denied")));
  CHECK_FALSE(w.has("ledger"));
}

TEST_CASE("a node whose event log is taken away by a task says so, ends what runs, and goes") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "until test -e beside; do sleep 0.01; done; "
                                       "rm -r consolidation")},
                 {"b", shell_phase({}, "touch beside; exec sleep 10000")},
                 {"c", shell_phase({"a"}, "echo c >> ledger")}});
  const auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 70);
  CHECK(contains(r.output, "execution.db was removed or replaced while it was in use"));
  CHECK_FALSE(contains(r.output, "ended unexpectedly"));
  CHECK_FALSE(w.has("ledger"));
  for (auto pid : processes_of(w)) // The launcher, for a moment.
    wait_until_gone(pid);
}
