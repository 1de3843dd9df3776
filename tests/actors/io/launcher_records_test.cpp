#include "actors/io/launcher_folder.hpp"
#include "actors/io/launcher_records.hpp"
#include "actors/io/launcher_survivors.hpp"
#include "actors/io/process_table.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace aeo;
using namespace aeo::io;

namespace {

class folder {
public:
  folder() {
    auto name = (std::filesystem::temp_directory_path() / "aeo-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
    fd_.reset(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~folder() { std::filesystem::remove_all(path_); }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  int fd() const { return fd_.get(); }
  std::filesystem::path file() const { return path_ / records_name; }
  std::string text() const {
    std::ostringstream text;
    text << std::ifstream{file()}.rdbuf();
    return text.str();
  }

private:
  std::filesystem::path path_;
  unique_fd fd_;
};

const records_header by{"e-1", "/w", "1:2", "boot", 10, 20};

task_exit exit_of(const std::string& task) {
  task_exit x;
  x.key = {"0", task, 1};
  x.kind = exit_kind::exited;
  x.code = 3;
  return x;
}

} // namespace

TEST_CASE("records tell what runs and what is not acknowledged") {
  const folder in;
  record_file records{in.fd(), by};
  for (const auto* task : {"A", "B", "C", "D"})
    records.intend({"0", task, 1});
  records.started({{"0", "A", 1}, 100, 7, 8});
  REQUIRE(records.flush(false));
  records.ended(exit_of("C"));
  records.ended(exit_of("D"));
  REQUIRE(records.flush(true));
  records.acknowledged({"0", "D", 1});
  REQUIRE(records.flush(false));
  const auto read = read_records(in.fd());
  CHECK(read.found);
  CHECK(read.note.empty());
  CHECK(read.header == by);
  CHECK(read.running == records.state().running);
  REQUIRE(read.running.size() == 2);
  CHECK(read.running.at({"0", "A", 1}).pid == 100);
  CHECK(read.running.at({"0", "B", 1}).pid == 0);
  CHECK(read.ended == std::map<task_key, task_exit>{{{"0", "C", 1}, exit_of("C")}});
}

TEST_CASE("records cut at any byte keep what came before the cut") {
  const folder in;
  record_file records{in.fd(), by};
  records.intend({"0", "A", 1});
  records.ended(exit_of("A"));
  records.intend({"0", "B", 1});
  REQUIRE(records.flush(false));
  const auto text = in.text();
  std::size_t whole = 0;
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const auto read = parse_records(std::string_view{text}.substr(0, size));
    whole += read.note.empty() ? 1U : 0U;
    if (read.ended.contains({"0", "A", 1}))
      CHECK(read.ended.at({"0", "A", 1}) == exit_of("A"));
  }
  CHECK(whole == 4); // The empty file, and after the header, B and A.
}

TEST_CASE("a flipped bit drops the record and what follows, and is reported") {
  const folder in;
  record_file records{in.fd(), by};
  records.ended(exit_of("A"));
  REQUIRE(records.flush(true));
  auto text = in.text();
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto damaged = text;
    damaged[i] ^= 4;
    const auto read = parse_records(damaged);
    CHECK(read.ended.empty());
    CHECK_FALSE(read.note.empty());
  }
}

TEST_CASE("records of nobody knows whom are not read") {
  const folder in;
  record_file records{in.fd(), by};
  records.intend({"0", "A", 1});
  REQUIRE(records.flush(false));
  // Each begins with the length of its body, after which there are 4 bytes more.
  const auto text = in.text();
  const auto first = 8 + static_cast<std::size_t>(static_cast<unsigned char>(text[0]));
  REQUIRE(text.size() > first);
  const auto headless = parse_records(std::string_view{text}.substr(first));
  CHECK_FALSE(headless.found);
  CHECK(headless.running.empty());
  CHECK_FALSE(headless.note.empty());
}

TEST_CASE("records are written anew before they grow large") {
  const folder in;
  record_file records{in.fd(), by};
  records.intend({"0", "stays", 1});
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    auto x = exit_of("T");
    x.key.attempt = i;
    records.intend(x.key);
    records.ended(x);
    records.acknowledged(x.key);
    REQUIRE(records.flush(false));
  }
  CHECK(std::filesystem::file_size(in.file()) < 300'000);
  CHECK(read_records(in.fd()).running.size() == 1);
}

TEST_CASE("an orderly end with all acknowledged leaves no file") {
  const folder in;
  record_file records{in.fd(), by};
  records.ended(exit_of("A"));
  REQUIRE(records.flush(true));
  REQUIRE(records.finish());
  CHECK(read_records(in.fd()).ended.size() == 1);
  records.acknowledged({"0", "A", 1});
  REQUIRE(records.finish());
  CHECK_FALSE(std::filesystem::exists(in.file()));
}

TEST_CASE("a write that fails loses nothing: the next one has it all") {
  const folder in;
  record_file records{in.fd(), by};
  std::filesystem::create_directory(in.file()); // Nothing can be renamed over a folder.
  records.ended(exit_of("A"));
  CHECK_FALSE(records.flush(true));
  CHECK(records.error().find("launcher.records") != std::string::npos);
  std::filesystem::remove(in.file());
  REQUIRE(records.flush(true));
  CHECK(read_records(in.fd()).ended.size() == 1);
}

TEST_CASE("a process that merely has a recorded pid is no survivor") {
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::setpgid(0, 0);
    ::pause();
    ::_exit(0);
  }
  ::setpgid(child, child);
  const auto info = find_process(child);
  REQUIRE(info);
  const folder in;
  recorded_state state;
  state.found = true;
  // Not the session's leader.
  state.header = {"e-none", "/w", folder_id(in.fd()), boot_id(), ::getpid(), 0};
  state.running[{"0", "A", 1}] = {{"0", "A", 1}, child, info->start_ticks, 0};
  if (info->session != ::getpid()) {
    const auto ended = end_survivors(in.fd(), state, std::chrono::milliseconds{100});
    CHECK(ended.processes == 0);
    CHECK(find_process(child).has_value());
  }
  state.header.boot = "another boot";
  state.header.launcher_pid = info->session;
  CHECK(end_survivors(in.fd(), state, std::chrono::milliseconds{100}).processes == 0);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}
