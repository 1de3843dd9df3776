#include "actors/io/database.hpp"
#include "tests/fixtures/store_fixture.hpp"

#include <sqlite3.h>

#include <SQLiteCpp/Statement.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <utility>

using namespace aeo;
using namespace aeo::test;
namespace fs = std::filesystem;

namespace {

// All that a reader could change in a folder.
std::map<std::string, std::pair<std::string, fs::file_time_type>> look(const fs::path& dir) {
  std::map<std::string, std::pair<std::string, fs::file_time_type>> result;
  for (const auto& entry : fs::directory_iterator(dir))
    result[entry.path().filename()] = {read_bytes(entry.path()), entry.last_write_time()};
  return result;
}

// Runs `action` in a child that ends without any clean-up, as if it was killed.
template <class Action>
void in_dying_process(Action action) {
  const auto pid = fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    action();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  REQUIRE(status == 0);
}

// A node of its own that appends five events whenever it is told to, and starts when it is told so
// for the first time. SQLite shares what it knows of a file within a process, so that a reader
// beside a writer must be another process to count.
class writing_process {
public:
  explicit writing_process(const fs::path& file) {
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()) == 0);
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0)
      run(file);
    close(ends_[1]);
  }
  ~writing_process() { end(); }
  writing_process(const writing_process&) = delete;
  writing_process& operator=(const writing_process&) = delete;

  void append_five() {
    char byte = 0;
    REQUIRE(::write(ends_[0], "x", 1) == 1);
    REQUIRE(::read(ends_[0], &byte, 1) == 1);
    REQUIRE(byte == 'y');
  }

  // Closes the database, which moves the log into it.
  void end() {
    if (pid_ < 0)
      return;
    close(ends_[0]);
    waitpid(std::exchange(pid_, -1), nullptr, 0);
  }

private:
  [[noreturn]] void run(const fs::path& file) {
    close(ends_[0]);
    std::unique_ptr<io::event_store> store;
    char byte = 0;
    while (::read(ends_[1], &byte, 1) == 1) {
      if (!store)
        if (auto opened = io::open_store(file))
          store = std::move(*opened);
      auto batch = make_events(5);
      if (!store || store->append("e1", batch) || ::write(ends_[1], "y", 1) != 1)
        break;
    }
    store.reset();
    _exit(0);
  }

  std::array<int, 2> ends_{};
  pid_t pid_ = -1;
};

// What others do just before SQLite opens the next file here.
class before_next_open {
public:
  explicit before_next_open(std::function<void()> action) {
    pending = std::move(action);
    vfs->xOpen = open;
  }
  ~before_next_open() { vfs->xOpen = base; }
  before_next_open(const before_next_open&) = delete;
  before_next_open& operator=(const before_next_open&) = delete;

private:
  static int open(sqlite3_vfs* self, const char* name, sqlite3_file* file, int flags, int* out) {
    if (auto action = std::exchange(pending, nullptr))
      action();
    return base(self, name, file, flags, out);
  }

  static inline std::function<void()> pending;
  static inline sqlite3_vfs* vfs = sqlite3_vfs_find("unix");
  static inline const auto base = vfs->xOpen;
};

event make_event(event_kind kind, std::int64_t time_us, std::string phase) {
  return {0, time_us, kind, std::move(phase), "", 1, ""};
}

} // namespace

TEST_CASE("a new database is private and empty") {
  store_fixture f;
  auto store = f.open();
  struct stat info {};
  REQUIRE(stat(f.file.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  for (const auto* suffix : {"-wal", "-shm"})
    if (stat((f.file.string() + suffix).c_str(), &info) == 0)
      CHECK((info.st_mode & 0777) == 0600);
  CHECK(store->head() == std::string(64, '0'));
  auto last = store->last_execution();
  REQUIRE(last);
  CHECK_FALSE(*last);
  auto fault = store->verify();
  REQUIRE(fault);
  CHECK_FALSE(*fault);
}

TEST_CASE("an existing database loses permissions that others should not have") {
  store_fixture f;
  f.fill(1);
  fs::permissions(f.file, static_cast<fs::perms>(0644));
  f.open();
  CHECK(fs::status(f.file).permissions() == static_cast<fs::perms>(0600));
}

TEST_CASE("events come back as they were, also after reopening") {
  store_fixture f;
  auto sent = make_events(100);
  sent[3].data = std::string("with a \0 inside", 15);
  sent[4].phase = "gr\u00fc\u00df Gott";
  {
    auto store = f.open();
    REQUIRE_FALSE(store->begin_execution(first_execution));
    REQUIRE_FALSE(store->append("e1", sent));
    CHECK(sent.front().seq == 1);
    CHECK(sent.back().seq == 100);
    CHECK(store_fixture::read(*store) == sent);
  }
  auto store = f.open();
  CHECK(store_fixture::read(*store) == sent);
  CHECK(store_fixture::read(*store, "e1", 98).size() == 3);
  auto last = store->last_execution();
  REQUIRE(last);
  CHECK(*last == first_execution);
}

TEST_CASE("reading stops when the reader has enough") {
  store_fixture f;
  f.fill(10);
  auto store = f.open();
  int seen = 0;
  REQUIRE_FALSE(store->read("e1", 0, [&](event&&) { return ++seen < 3; }));
  CHECK(seen == 3);
}

TEST_CASE("every append moves the head of the chain") {
  store_fixture f;
  auto store = f.open();
  REQUIRE_FALSE(store->begin_execution(first_execution));
  std::set<std::string> heads{store->head()};
  for (std::size_t i = 0; i < 10; ++i) {
    auto batch = make_events(1); // The same contents each time.
    REQUIRE_FALSE(store->append("e1", batch));
    CHECK(heads.insert(store->head()).second);
  }
  const auto head = store->head();
  store.reset();
  CHECK(f.open()->head() == head);
}

TEST_CASE("a database that was removed, replaced or taken over while open takes nothing more") {
  store_fixture f;
  auto store = f.open();
  REQUIRE_FALSE(store->begin_execution(first_execution));
  auto batch = make_events(2);
  REQUIRE_FALSE(store->append("e1", batch));
  std::string what;
  SECTION("removed") {
    fs::remove(f.file);
    what = "was removed or replaced";
  }
  SECTION("replaced") {
    fs::copy_file(f.file, f.dir / "copy");
    fs::rename(f.dir / "copy", f.file);
    what = "was removed or replaced";
  }
  SECTION("taken over") {
    auto other = f.open();
    auto more = make_events(1);
    REQUIRE_FALSE(other->append("e1", more));
    what = "another node has stored events";
  }
  for (int i = 0; i < 2; ++i) {
    auto next = make_events(1);
    const auto err = store->append("e1", next);
    CHECK(err == ec::wrong_state);
    CHECK(message_of(err).find(what) != std::string::npos);
    CHECK(next.front().seq == 0);
  }
}

TEST_CASE("executions do not see each other's events") {
  store_fixture f;
  auto store = f.open();
  REQUIRE_FALSE(store->begin_execution(first_execution));
  auto a = make_events(3);
  REQUIRE_FALSE(store->append("e1", a));
  REQUIRE_FALSE(store->begin_execution({"e2", 2000, "h2", "{}", "bob"}));
  auto b = make_events(2);
  REQUIRE_FALSE(store->append("e2", b));
  CHECK(b.front().seq == 4);
  CHECK(store_fixture::read(*store, "e1") == a);
  CHECK(store_fixture::read(*store, "e2") == b);
  CHECK(store->last_execution()->value().id == "e2");
}

TEST_CASE("a changed plan is kept with its execution") {
  store_fixture f;
  auto store = f.open();
  REQUIRE_FALSE(store->begin_execution(first_execution));
  REQUIRE_FALSE(store->update_plan("e1", "new", R"({"phases":{"1":{}}})"));
  CHECK(store->last_execution()->value().plan_hash == "new");
  CHECK(store->last_execution()->value().plan_text == R"({"phases":{"1":{}}})");
  CHECK(store->update_plan("e9", "new", "") == ec::not_found);
}

TEST_CASE("what names no execution is refused and gets no number") {
  store_fixture f;
  auto store = f.open();
  auto batch = make_events(2);
  CHECK(store->append("nowhere", batch) == ec::not_found);
  CHECK(batch[0].seq == 0);
  CHECK(store->read("nowhere", 0, [](event&&) { return true; }) == ec::not_found);
  REQUIRE_FALSE(store->begin_execution(first_execution));
  CHECK(store->begin_execution(first_execution) == ec::wrong_state);
  std::vector<event> none;
  CHECK_FALSE(store->append("e1", none));
}

TEST_CASE("other programs read along while the store is open") {
  store_fixture f;
  auto store = f.open();
  REQUIRE_FALSE(store->begin_execution(first_execution));
  auto batch = make_events(7);
  REQUIRE_FALSE(store->append("e1", batch));
  SQLite::Database other(f.file.string(), SQLite::OPEN_READONLY);
  CHECK(other.execAndGet("SELECT count(*) FROM events").getInt() == 7);
}

TEST_CASE("events cannot be changed or deleted by a slip of the hand") {
  store_fixture f;
  f.fill(5);
  SQLite::Database other(f.file.string(), SQLite::OPEN_READWRITE);
  CHECK_THROWS_AS(other.exec("UPDATE events SET data = '{}' WHERE seq = 2"), SQLite::Exception);
  CHECK_THROWS_AS(other.exec("DELETE FROM events WHERE seq = 2"), SQLite::Exception);
}

TEST_CASE("a newer schema is refused and left as it is") {
  store_fixture f;
  f.fill(5);
  f.sql("PRAGMA user_version = 7");
  const auto before = look(f.dir.path());
  for (auto* open : {&io::open_store, &io::open_store_read_only}) {
    const auto result = open(f.file);
    REQUIRE_FALSE(result);
    CHECK(result.error() == ec::newer_schema);
    CHECK(message_of(result.error()).find("version 7") != std::string::npos);
    CHECK(message_of(result.error()).find("up to 2") != std::string::npos);
  }
  CHECK(look(f.dir.path()) == before);
}

TEST_CASE("an older schema is migrated in one go, and only in one go") {
  store_fixture f;
  f.fill(5);
  f.sql("DROP TABLE github; PRAGMA user_version = 1");
  const std::array good = {io::schema_steps()[0], "CREATE TABLE later (x)",
                           "ALTER TABLE later ADD COLUMN y; INSERT INTO later VALUES (1, 2)"};
  const std::array bad = {io::schema_steps()[0], "CREATE TABLE later (x)",
                          "CREATE TABLE later (x)"};
  const auto refused = io::open_database_read_only(f.file, good);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == ec::wrong_state);
  CHECK_FALSE(io::open_database(f.file, bad));
  {
    SQLite::Database db(f.file.string(), SQLite::OPEN_READONLY);
    CHECK(db.execAndGet("PRAGMA user_version").getInt() == 1);
    CHECK_FALSE(db.tableExists("later"));
  }
  {
    const auto db = io::open_database(f.file, good);
    REQUIRE(db);
    CHECK((*db)->execAndGet("SELECT y FROM later").getInt() == 2);
    CHECK((*db)->execAndGet("PRAGMA user_version").getInt() == 3);
    CHECK((*db)->execAndGet("SELECT count(*) FROM events").getInt() == 5);
  }
  CHECK(io::open_store(f.file).error() == ec::newer_schema);
}

TEST_CASE("a database of before there was GitHub is migrated with all its events") {
  store_fixture f;
  f.fill(5);
  f.sql("DROP TABLE github; PRAGMA user_version = 1");
  CHECK(store_fixture::read(*f.open()).size() == 5);
  SQLite::Database db(f.file.string(), SQLite::OPEN_READONLY);
  CHECK(db.tableExists("github"));
  CHECK(db.execAndGet("PRAGMA user_version").getInt() == 2);
}

TEST_CASE("a database whose making was interrupted is made anew") {
  store_fixture f;
  {
    SQLite::Database db(f.file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    db.exec("PRAGMA journal_mode = WAL");
  }
  CHECK(fs::file_size(f.file) > 0);
  f.fill(3);
  write_bytes(f.dir / "empty.db", "");
  CHECK(io::open_store(f.dir / "empty.db"));
}

TEST_CASE("who only reads a database whose making was interrupted finds nothing there") {
  store_fixture f;
  {
    SQLite::Database db(f.file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    db.exec("PRAGMA journal_mode = WAL");
  }
  const auto store = io::open_store_read_only(f.file);
  REQUIRE_FALSE(store);
  CHECK(store.error() == ec::not_found);
}

TEST_CASE("reading only writes nothing at all") {
  store_fixture f;
  const auto read_all = [](const fs::path& file, std::size_t expected) {
    const auto before = look(file.parent_path());
    {
      auto store = io::open_store_read_only(file);
      INFO((store ? std::string{} : message_of(store.error())));
      REQUIRE(store);
      CHECK(store_fixture::read(**store).size() == expected);
      CHECK(look(file.parent_path()) == before);
      auto batch = make_events(1);
      CHECK((*store)->append("e1", batch) == ec::wrong_state);
      auto fault = (*store)->verify();
      REQUIRE(fault);
      CHECK_FALSE(*fault);
    }
    CHECK(look(file.parent_path()) == before);
  };
  SECTION("of a database that was closed") {
    f.fill(10);
    fs::permissions(f.file, static_cast<fs::perms>(0400));
    read_all(f.file, 10);
  }
  SECTION("while a node writes") {
    f.fill(10);
    writing_process node(f.file);
    for (std::size_t count : {15, 20, 25}) {
      node.append_five();
      read_all(f.file, count);
    }
  }
  SECTION("after a node was killed, with and without the log's index") {
    in_dying_process([&] {
      auto* store = f.open().release();
      auto batch = make_events(10);
      if (store->begin_execution(first_execution) || store->append("e1", batch))
        _exit(1);
    });
    REQUIRE(fs::file_size(f.file.string() + "-wal") > 0);
    read_all(f.file, 10);
    fs::remove(f.file.string() + "-shm");
    read_all(f.file, 10);
    CHECK(store_fixture::read(*f.open()).size() == 10);
  }
  SECTION("after a node was killed when its log had no more than a header") {
    f.fill(10);
    in_dying_process([&] {
      auto* store = f.open().release();
      auto batch = make_events(1);
      if (store->append("e1", batch))
        _exit(1);
    });
    fs::resize_file(f.file.string() + "-wal", 32);
    read_all(f.file, 10);
    fs::remove(f.file.string() + "-shm");
    read_all(f.file, 10);
    CHECK(store_fixture::read(*f.open()).size() == 10);
  }
  SECTION("of a file with signs in its name that mean something in an URI") {
    f.fill(10);
    const auto odd = f.dir / "a?b#c%41 d.db";
    fs::rename(f.file, odd);
    read_all(odd, 10);
  }
  SECTION("where there is none") {
    CHECK(io::open_store_read_only(f.file).error() == ec::not_found);
    CHECK(fs::is_empty(f.dir.path()));
  }
}

TEST_CASE("who reads while a node ends or starts sees all that it stored") {
  store_fixture f;
  f.fill(10);
  writing_process node(f.file);
  std::function<void()> meanwhile = [&] { node.append_five(); };
  SECTION("when it ends") {
    node.append_five();
    meanwhile = [&] { node.end(); };
  }
  SECTION("when it starts") {}
  SECTION("when it starts and ends") {
    meanwhile = [&] {
      node.append_five();
      node.end();
    };
  }
  before_next_open hook(meanwhile);
  auto store = io::open_store_read_only(f.file);
  INFO((store ? std::string{} : message_of(store.error())));
  REQUIRE(store);
  CHECK(store_fixture::read(**store).size() == 15);
}

TEST_CASE("what a node wrote over while it was read is not taken for the database or its damage") {
  store_fixture f;
  f.fill(10);
  writing_process node(f.file);
  auto store = io::open_store_read_only(f.file);
  REQUIRE(store);
  CHECK((*store)->last_execution());
  for (int i = 0; i < 40; ++i)
    node.append_five();
  node.end();
  const auto err = (*store)->read("e1", 0, [](event&&) { return true; });
  CHECK(err == ec::storage_failed);
  CHECK(message_of(err).find("try again") != std::string::npos);
  CHECK((*store)->verify() == err);
  CHECK(store_fixture::read(**io::open_store_read_only(f.file)).size() == 210);
}

TEST_CASE("rights are advised only where they are lacking") {
  store_fixture f;
  f.fill(5);
  fs::create_directory(f.file.string() + "-wal");
  const auto store = io::open_store(f.file);
  REQUIRE_FALSE(store);
  CHECK(store.error() == ec::storage_failed);
  CHECK(message_of(store.error()).find("unable to open database file") != std::string::npos);
  CHECK(message_of(store.error()).find("writable") == std::string::npos);
}

TEST_CASE("the time of earlier runs is the median over approved attempts without people's time") {
  store_fixture f;
  CHECK(io::typical_durations(f.file)->empty());
  auto store = f.open();
  std::int64_t now = 1'000'000;
  int number = 0;
  for (int took_ms : {300, 100, 200}) {
    const auto id = "e" + std::to_string(++number);
    REQUIRE_FALSE(store->begin_execution({id, now, "", "", ""}));
    std::vector<event> batch = {
        make_event(event_kind::phase_started, now, "a"),
        make_event(event_kind::phase_retry_wait, now + 5'000'000, "a"),
        make_event(event_kind::phase_started, now + 6'000'000, "a"),
        make_event(event_kind::phase_completed, now + 6'000'000 + took_ms * 1000, "a"),
        make_event(event_kind::phase_approved, now + 9'000'000'000, "a"),
        make_event(event_kind::phase_started, now, "b"),
        make_event(event_kind::phase_completed, now + 1000, "b"),
        make_event(event_kind::phase_failed, now + 2000, "b")};
    REQUIRE_FALSE(store->append(id, batch));
  }
  auto durations = io::typical_durations(f.file);
  REQUIRE(durations);
  CHECK(*durations == std::map<std::string, std::int64_t>{{"a", 200}});
  CHECK(io::typical_durations(f.file, "e1")->at("a") == 200);
  CHECK(io::typical_durations(f.file, "e2")->at("a") == 300);
  plan p;
  for (const char* id : {"b", "a"})
    p.phases.emplace_back().id = id;
  CHECK(io::typical_durations(p, f.file) == std::vector<std::int64_t>{0, 200});
  CHECK(io::typical_durations(p, f.dir / "none").size() == 2);
}
