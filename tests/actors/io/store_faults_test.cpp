// What the store does when writing fails: a file system layer between SQLite and the disk that
// fails on command, a full disk, a lock held by somebody else, and kill -9.

#include "tests/fixtures/store_fixture.hpp"

#include <sqlite3.h>

#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <random>
#include <thread>

using namespace aeo;
using namespace aeo::test;
namespace fs = std::filesystem;

namespace {

// The default VFS with a countdown to failure.
class failing_disk {
public:
  failing_disk() {
    base = sqlite3_vfs_find("unix");
    vfs = *base;
    vfs.zName = "failing";
    vfs.pNext = nullptr;
    vfs.xOpen = open;
    sqlite3_vfs_register(&vfs, 1);
  }
  ~failing_disk() { sqlite3_vfs_unregister(&vfs); }
  failing_disk(const failing_disk&) = delete;
  failing_disk& operator=(const failing_disk&) = delete;

  // The n-th write or sync from now on fails, and, while `broken`, all after it.
  void fail_after(int n, int code) {
    countdown = n;
    error = code;
  }
  void repair() { countdown = -1; }
  bool failed() const { return countdown == 0; }

private:
  static bool fails() {
    if (countdown > 0)
      --countdown;
    return countdown == 0;
  }

  static int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 at) {
    return fails() ? error : methods->xWrite(file, bytes, count, at);
  }

  static int sync(sqlite3_file* file, int flags) {
    return fails() ? (error == SQLITE_FULL ? SQLITE_IOERR_FSYNC : error)
                   : methods->xSync(file, flags);
  }

  static int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
    const int result = base->xOpen(base, name, file, flags, out);
    if (result == SQLITE_OK && file->pMethods) {
      methods = file->pMethods; // All kinds of files are written and synced in the same way.
      auto& copy = wrapped[file->pMethods];
      copy = *file->pMethods;
      copy.xWrite = write;
      copy.xSync = sync;
      file->pMethods = &copy;
    }
    return result;
  }

  static inline sqlite3_vfs* base = nullptr;
  static inline const sqlite3_io_methods* methods = nullptr;
  static inline std::map<const sqlite3_io_methods*, sqlite3_io_methods> wrapped;
  static inline int countdown = -1;
  static inline int error = SQLITE_IOERR_WRITE;
  sqlite3_vfs vfs{};
};

std::vector<event> numbered(std::size_t count) {
  auto result = make_events(count);
  std::uint64_t seq = 0;
  for (auto& e : result)
    e.seq = ++seq;
  return result;
}

void check_verifies(io::event_store& store) {
  auto fault = store.verify();
  REQUIRE(fault);
  INFO((*fault ? (*fault)->what : std::string{}));
  REQUIRE_FALSE(*fault);
}

// Appends batches of `size` without end and reports each number that is durable.
[[noreturn]] void append_forever(const fs::path& file, int report, std::size_t size) {
  auto store = io::open_store(file);
  if (!store)
    _exit(1);
  auto last = (*store)->last_execution();
  if (!last || (!*last && (*store)->begin_execution(first_execution)))
    _exit(1);
  std::size_t stored = 0;
  if ((*store)->read("e1", 0, [&](event&&) { return ++stored, true; }))
    _exit(1);
  for (;;) {
    auto batch = make_events(size, stored);
    if ((*store)->append("e1", batch))
      _exit(1);
    stored += size;
    if (write(report, &stored, sizeof stored) != sizeof stored)
      _exit(1);
  }
}

} // namespace

TEST_CASE("wherever writing fails, nothing is half stored and the next try works") {
  for (int code : {SQLITE_IOERR_WRITE, SQLITE_FULL})
    for (int cut = 1; cut <= 40; ++cut) {
      failing_disk disk;
      store_fixture f;
      auto store = f.open();
      REQUIRE_FALSE(store->begin_execution(first_execution));
      std::size_t stored = 0;
      disk.fail_after(cut, code);
      for (int i = 0; i < 6; ++i) {
        auto batch = make_events(30, stored);
        const auto head = store->head();
        auto err = store->append("e1", batch);
        if (err) {
          INFO(message_of(err));
          REQUIRE(err == ec::storage_failed);
          REQUIRE(message_of(err).find(f.file.string()) != std::string::npos);
          REQUIRE(batch.front().seq == 0);
          REQUIRE(store->head() == head);
          disk.repair();
          REQUIRE_FALSE(store->append("e1", batch));
        }
        REQUIRE(batch.front().seq == stored + 1);
        stored += batch.size();
      }
      INFO("cut " << cut);
      REQUIRE(store_fixture::read(*store) == numbered(stored));
      check_verifies(*store);
      store.reset();
      disk.repair();
      store = f.open();
      REQUIRE(store_fixture::read(*store) == numbered(stored));
      check_verifies(*store);
    }
}

TEST_CASE("a database that cannot be made is an error, and is made when it can be") {
  for (int cut = 1; cut <= 20; ++cut) {
    failing_disk disk;
    store_fixture f;
    disk.fail_after(cut, SQLITE_IOERR_WRITE);
    auto store = io::open_store(f.file);
    if (!store) {
      INFO(message_of(store.error()));
      REQUIRE(store.error() == ec::storage_failed);
    } else {
      store->reset();
    }
    disk.repair();
    f.fill(5);
    REQUIRE(store_fixture::read(*f.open()).size() == 5);
  }
}

TEST_CASE("after kill -9 whole batches are there, and all that were acknowledged") {
  store_fixture f;
  std::mt19937 random(31);
  constexpr std::size_t size = 7;
  for (int round = 0; round < 12; ++round) {
    std::array<int, 2> ends{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    const auto child = fork();
    REQUIRE(child >= 0);
    if (child == 0)
      append_forever(f.file, ends[1], size);
    close(ends[1]);
    std::size_t acknowledged = 0;
    for (auto wanted = 1 + random() % 60; wanted > 0; --wanted)
      REQUIRE(read(ends[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged);
    // Some more, in the middle of whatever it does.
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 500));
    kill(child, SIGKILL);
    REQUIRE(waitpid(child, nullptr, 0) == child);
    while (read(ends[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
    }
    close(ends[0]);
    auto store = f.open();
    const auto events = store_fixture::read(*store);
    CHECK(events.size() >= acknowledged);
    CHECK(events.size() <= acknowledged + size);
    CHECK(events == numbered(events.size()));
    CHECK(events.size() % size == 0);
    check_verifies(*store);
  }
}

TEST_CASE("a full disk is named, and the store goes on when there is room again") {
  temp_dir dir;
  if (mount("tmpfs", dir.path().c_str(), "tmpfs", 0, "size=1m") != 0)
    SKIP("no right to mount a small tmpfs: " << std::strerror(errno));
  struct unmount {
    const fs::path& path;
    ~unmount() { umount2(path.c_str(), MNT_DETACH); }
  } at_end{dir.path()};
  const auto file = dir / "execution.db";
  auto store = io::open_store(file);
  REQUIRE(store);
  REQUIRE_FALSE((*store)->begin_execution(first_execution));
  write_bytes(dir / "ballast", std::string(300'000, 'x'));
  std::size_t stored = 0;
  caf::error err;
  std::vector<event> batch;
  while (!err) {
    REQUIRE(stored < 100'000);
    batch = make_events(20, stored);
    err = (*store)->append("e1", batch);
    stored += err ? 0 : 20;
  }
  INFO(message_of(err));
  CHECK(err == ec::storage_failed);
  CHECK(message_of(err).find("space") != std::string::npos);
  CHECK(store_fixture::read(**store) == numbered(stored));
  fs::remove(dir / "ballast");
  REQUIRE_FALSE((*store)->append("e1", batch));
  CHECK(batch.front().seq == stored + 1);
  check_verifies(**store);
  CHECK(store_fixture::read(**store) == numbered(stored + 20));
}

TEST_CASE("a database that another program has locked is named as such") {
  store_fixture f;
  f.fill(5);
  auto store = f.open();
  SQLite::Database other(f.file.string(), SQLite::OPEN_READWRITE);
  other.exec("BEGIN IMMEDIATE");
  auto batch = make_events(1, 5);
  const auto err = store->append("e1", batch);
  CHECK(err == ec::storage_failed);
  CHECK(message_of(err).find("lock") != std::string::npos);
  other.exec("ROLLBACK");
  CHECK_FALSE(store->append("e1", batch));
  CHECK(batch.front().seq == 6);
}

TEST_CASE("a folder that is not there is named") {
  temp_dir dir;
  const auto result = io::open_store(dir / "no/execution.db");
  REQUIRE_FALSE(result);
  CHECK(result.error() == ec::storage_failed);
  CHECK(message_of(result.error()).find("no/execution.db") != std::string::npos);
}

TEST_CASE("a read-only disk is named") {
  temp_dir dir;
  if (mount("tmpfs", dir.path().c_str(), "tmpfs", 0, "size=1m") != 0)
    SKIP("no right to mount a small tmpfs: " << std::strerror(errno));
  struct unmount {
    const fs::path& path;
    ~unmount() { umount2(path.c_str(), MNT_DETACH); }
  } at_end{dir.path()};
  REQUIRE(io::open_store(dir / "execution.db"));
  REQUIRE(mount("tmpfs", dir.path().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=1m") == 0);
  const auto existing = io::open_store(dir / "execution.db");
  REQUIRE_FALSE(existing);
  INFO(message_of(existing.error()));
  CHECK(existing.error() == ec::storage_failed);
  CHECK(message_of(existing.error()).find("writable for this user") != std::string::npos);
  CHECK(io::open_store_read_only(dir / "execution.db"));
  const auto fresh = io::open_store(dir / "other.db");
  REQUIRE_FALSE(fresh);
  CHECK(message_of(fresh.error()).find("read-only") != std::string::npos);
}
