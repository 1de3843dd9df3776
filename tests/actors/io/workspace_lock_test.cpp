#include "actors/io/workspace_lock.hpp"
#include "messages/type_ids.hpp"
#include "tests/fixtures/temp_dir.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

using namespace aeo;
using namespace aeo::test;
using io::workspace_lock;

namespace {

mode_t mode_of(const std::filesystem::path& file) {
  struct stat info {};
  REQUIRE(stat(file.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

} // namespace

TEST_CASE("the second holder is told who the first one is") {
  temp_dir dir;
  auto first = workspace_lock::acquire(dir.path(), "aeo-node");
  REQUIRE(first);
  const auto second = workspace_lock::acquire(dir.path(), "aeo-node");
  REQUIRE_FALSE(second);
  CHECK(second.error() == ec::workspace_locked);
  const auto text = message_of(second.error());
  INFO(text);
  CHECK(text.find("aeo-node (pid " + std::to_string(getpid()) + ") since 20") != text.npos);
  const auto holder = io::find_holder(dir.path());
  REQUIRE(holder);
  CHECK(holder->pid == getpid());
  CHECK(holder->program == "aeo-node");
  CHECK(holder->since_us > 0);
}

TEST_CASE("the lock goes with its object") {
  temp_dir dir;
  {
    auto lock = workspace_lock::acquire(dir.path(), "a");
    REQUIRE(lock);
    auto moved = std::move(*lock);
    CHECK_FALSE(workspace_lock::acquire(dir.path(), "b"));
  }
  CHECK_FALSE(io::find_holder(dir.path()));
  CHECK(workspace_lock::acquire(dir.path(), "b"));
}

TEST_CASE("the lock goes with a killed process, and nothing has to be removed") {
  temp_dir dir;
  std::array<int, 2> ready{};
  REQUIRE(pipe(ready.data()) == 0);
  const auto child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto lock = workspace_lock::acquire(dir.path(), "child");
    (void)!write(ready[1], lock ? "y" : "n", 1);
    pause();
    _exit(0);
  }
  char answer = 0;
  REQUIRE(read(ready[0], &answer, 1) == 1);
  REQUIRE(answer == 'y');
  const auto refused = workspace_lock::acquire(dir.path(), "parent");
  REQUIRE_FALSE(refused);
  CHECK(message_of(refused.error()).find("pid " + std::to_string(child)) != std::string::npos);
  REQUIRE(kill(child, SIGKILL) == 0);
  REQUIRE(waitpid(child, nullptr, 0) == child);
  CHECK(workspace_lock::acquire(dir.path(), "parent"));
  close(ready[0]);
  close(ready[1]);
}

TEST_CASE("rubbish in the lock file does no harm") {
  temp_dir dir;
  auto lock = workspace_lock::acquire(dir.path(), "aeo-node");
  REQUIRE(lock);
  const auto file = dir.path() / "consolidation/.aeo/node.lock";
  for (const std::string text : {"", "{", "null", "[1]", "\xff\xfe",
                                 R"({"pid":"x","program":3,"since":"never"})", R"({"pid":1e99})"}) {
    write_bytes(file, text);
    const auto refused = workspace_lock::acquire(dir.path(), "aeo-node");
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == ec::workspace_locked);
    CHECK(message_of(refused.error()).find("another process") != std::string::npos);
  }
}

TEST_CASE("the private folder is private, also when it was not") {
  temp_dir dir;
  REQUIRE(workspace_lock::acquire(dir.path(), "a"));
  const auto folder = dir.path() / "consolidation/.aeo";
  CHECK(mode_of(folder) == 0700);
  CHECK(mode_of(folder / "node.lock") == 0600);
  CHECK((mode_of(dir.path() / "consolidation") & 0700) == 0700);
  REQUIRE(chmod(folder.c_str(), 0755) == 0);
  REQUIRE(workspace_lock::acquire(dir.path(), "a"));
  CHECK(mode_of(folder) == 0700);
}

TEST_CASE("looking for a holder makes nothing") {
  temp_dir dir;
  CHECK_FALSE(io::find_holder(dir.path()));
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("a workspace that is not there, or not a folder, is an error and not a lock") {
  temp_dir dir;
  CHECK(workspace_lock::acquire(dir / "nowhere", "a").error() == ec::storage_failed);
  write_bytes(dir / "consolidation", "a file");
  const auto refused = workspace_lock::acquire(dir.path(), "a");
  REQUIRE_FALSE(refused);
  CHECK(message_of(refused.error()).find("consolidation") != std::string::npos);
}
