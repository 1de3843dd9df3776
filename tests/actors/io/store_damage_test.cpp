#include "tests/fixtures/store_fixture.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <random>

using namespace aeo;
using namespace aeo::test;
namespace fs = std::filesystem;

namespace {

// What a resume does: opens, takes the newest execution and its events. nullopt: told of damage.
std::optional<std::vector<event>> resume(const fs::path& file, caf::error* reason = nullptr) {
  auto refuse = [reason](caf::error err) {
    if (reason)
      *reason = std::move(err);
    return std::nullopt;
  };
  auto store = io::open_store(file);
  if (!store)
    return refuse(store.error());
  auto last = (*store)->last_execution();
  if (!last)
    return refuse(last.error());
  std::vector<event> result;
  if (!*last)
    return result;
  CHECK(**last == first_execution);
  auto err = (*store)->read((*last)->id, 0, [&](event&& e) {
    result.push_back(std::move(e));
    return true;
  });
  if (err)
    return refuse(std::move(err));
  return result;
}

void remove_companions(const fs::path& file) {
  fs::remove(file.string() + "-wal");
  fs::remove(file.string() + "-shm");
}

// `bytes` is no usable database: that is said, and it is still there afterwards.
void check_refused(const store_fixture& f, const std::string& bytes) {
  write_bytes(f.file, bytes);
  caf::error reason;
  CHECK_FALSE(resume(f.file, &reason));
  INFO(message_of(reason));
  CHECK(reason == ec::corrupt_state);
  CHECK(message_of(reason).find(f.file.string()) != std::string::npos);
  CHECK(message_of(reason).find("execution_state.json") != std::string::npos);
  CHECK(read_bytes(f.file) == bytes);
  remove_companions(f.file);
}

std::string database_of(std::size_t events) {
  store_fixture f;
  f.fill(events);
  return read_bytes(f.file);
}

// The files as a killed node leaves them, with everything still in the log.
std::pair<std::string, std::string> killed_with_log(std::size_t batches) {
  store_fixture f;
  const auto child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto* store = f.open().release();
    bool failed = static_cast<bool>(store->begin_execution(first_execution));
    for (std::size_t i = 0; i < batches && !failed; ++i) {
      auto batch = make_events(5, i * 5);
      failed = static_cast<bool>(store->append("e1", batch));
    }
    _exit(failed ? 1 : 0);
  }
  int status = 1;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  return {read_bytes(f.file), read_bytes(f.file.string() + "-wal")};
}

} // namespace

TEST_CASE("what is no database is refused and kept") {
  store_fixture f;
  check_refused(f, "garbage");
  check_refused(f, std::string(4096, '\0'));
  check_refused(f, std::string(100'000, 'x'));
  check_refused(f, "SQLite format 3" + std::string(1, '\0'));
  check_refused(f, "{\"execution_id\": 1}");
}

TEST_CASE("a database of another program is refused and kept") {
  store_fixture f;
  {
    SQLite::Database db(f.file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    db.exec("CREATE TABLE mine (x)");
  }
  check_refused(f, read_bytes(f.file));
}

TEST_CASE("events without the record of their execution are damage, not a new beginning") {
  store_fixture f;
  f.fill(20);
  {
    SQLite::Database db(f.file.string(), SQLite::OPEN_READWRITE);
    db.exec("DELETE FROM executions");
  }
  caf::error reason;
  CHECK_FALSE(resume(f.file, &reason));
  CHECK(reason == ec::corrupt_state);
  CHECK(message_of(reason).find("the record of its execution is gone") != std::string::npos);
}

TEST_CASE("a truncated database is refused and kept") {
  const auto good = database_of(500);
  store_fixture f;
  for (auto size : {good.size() - 1, good.size() / 2, std::size_t{4096}, std::size_t{5000},
                    std::size_t{100}, std::size_t{1}})
    check_refused(f, good.substr(0, size));
}

TEST_CASE("a lost database whose log is still there is not made anew") {
  const auto [db, log] = killed_with_log(10);
  for (bool missing : {true, false}) {
    store_fixture f;
    write_bytes(f.file.string() + "-wal", log);
    if (!missing)
      write_bytes(f.file, "");
    caf::error reason;
    CHECK_FALSE(resume(f.file, &reason));
    CHECK(reason == ec::corrupt_state);
    CHECK(read_bytes(f.file.string() + "-wal") == log);
    CHECK(fs::exists(f.file) != missing);
  }
}

TEST_CASE("a damaged byte of the database is detected or harmless") {
  const auto good = database_of(200);
  store_fixture f;
  write_bytes(f.file, good);
  const auto events = resume(f.file);
  REQUIRE(events);
  std::mt19937 random(4711);
  std::size_t detected = 0;
  std::size_t tried = 0;
  const auto try_at = [&](std::size_t at) {
    auto bad = good;
    flip_a_bit(bad, at, random);
    remove_companions(f.file);
    write_bytes(f.file, bad);
    const auto result = resume(f.file);
    INFO("byte " << at << ": " << int(good[at]) << " -> " << int(bad[at]));
    if (result)
      REQUIRE(*result == *events);
    detected += result ? 0 : 1;
    ++tried;
  };
  for (std::size_t at = 0; at < 512; ++at) // The header and the schema's page.
    try_at(at);
  for (int i = 0; i < 1000; ++i)
    try_at(random() % good.size());
  CHECK(detected > tried / 4);
}

TEST_CASE("a flipped page of the database is detected or harmless") {
  const auto good = database_of(200);
  store_fixture f;
  write_bytes(f.file, good);
  const auto events = resume(f.file);
  REQUIRE(events);
  constexpr std::size_t page = 4096;
  for (std::size_t at = 0; at < good.size(); at += page)
    for (int how = 0; how < 3; ++how) {
      auto bad = good;
      for (std::size_t i = at; i < at + page; ++i)
        bad[i] = how == 0   ? '\0'
                 : how == 1 ? static_cast<char>(~bad[i])
                            : good[good.size() - page + i - at];
      remove_companions(f.file);
      write_bytes(f.file, bad);
      const auto result = resume(f.file);
      if (result)
        REQUIRE(*result == *events);
    }
}

TEST_CASE("a damaged log loses whole batches at its end at most") {
  const auto [db, log] = killed_with_log(20);
  REQUIRE(log.size() > 10'000);
  const auto sent = [] {
    auto all = make_events(100);
    std::uint64_t seq = 0;
    for (auto& e : all)
      e.seq = ++seq;
    return all;
  }();
  store_fixture f;
  std::mt19937 random(815);
  for (int i = 0; i < 300; ++i) {
    auto bad = log;
    if (i % 3 == 0)
      bad.resize(random() % bad.size());
    else
      flip_a_bit(bad, random() % bad.size(), random);
    remove_companions(f.file);
    write_bytes(f.file, db);
    write_bytes(f.file.string() + "-wal", bad);
    const auto result = resume(f.file);
    if (!result)
      continue;
    REQUIRE(result->size() % 5 == 0);
    REQUIRE(std::equal(result->begin(), result->end(), sent.begin()));
  }
}

TEST_CASE("who only reads a log whose header is damaged is told so, whatever byte it is") {
  const auto [db, log] = killed_with_log(10);
  store_fixture f;
  std::mt19937 random(815);
  for (std::size_t at = 0; at < 32; ++at) {
    remove_companions(f.file);
    write_bytes(f.file, db);
    auto bad = log;
    flip_a_bit(bad, at, random);
    write_bytes(f.file.string() + "-wal", bad);
    const auto store = io::open_store_read_only(f.file);
    INFO("byte " << at);
    REQUIRE_FALSE(store);
    CHECK(store.error() == ec::corrupt_state);
    CHECK(message_of(store.error()).find(f.file.string() + "-wal") != std::string::npos);
  }
  write_bytes(f.file.string() + "-wal", log);
  CHECK(io::open_store_read_only(f.file));
}
