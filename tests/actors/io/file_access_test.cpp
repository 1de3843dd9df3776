#include "actors/core/criteria.hpp"
#include "actors/core/sha256.hpp"
#include "actors/io/file_access.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

using namespace aeo;
namespace fs = std::filesystem;

namespace {

using paths = std::vector<std::string>;

/// A workspace that goes with the test.
struct workspace {
  fs::path root;
  io::workspace_files files;

  workspace() : workspace(make()) {}
  explicit workspace(const fs::path& at) : root(at), files(at) {}
  ~workspace() {
    std::error_code error;
    fs::remove_all(root, error);
  }
  workspace(const workspace&) = delete;
  workspace& operator=(const workspace&) = delete;

  static fs::path make() {
    auto name = (fs::temp_directory_path() / "aeo-files-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()));
    return name;
  }

  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root / path).parent_path());
    std::ofstream{root / path, std::ios::binary} << text;
  }
};

bool is_root() {
  return ::geteuid() == 0;
}

} // namespace

TEST_CASE("a file's fingerprint changes with every write, also of identical bytes") {
  workspace w;
  CHECK(w.files.fingerprint("a").empty());
  w.write("a", "1");
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    auto now = w.files.fingerprint("a");
    CHECK(w.files.fingerprint("a") == now);
    REQUIRE(seen.insert(now).second);
    w.files.settle({{"a", now}});
    w.write("a", "1");
  }
}

TEST_CASE("a touch and a replacement count as writes, reading does not") {
  workspace w;
  w.write("a", "1");
  auto before = w.files.fingerprint("a");
  CHECK(*w.files.read("a", 10) == "1");
  CHECK(w.files.fingerprint("a") == before);
  w.files.settle({{"a", before}});
  SECTION("touch") {
    REQUIRE(::utimensat(AT_FDCWD, (w.root / "a").c_str(), nullptr, 0) == 0);
    CHECK(w.files.fingerprint("a") != before);
  }
  SECTION("an old time stamp set by hand") {
    fs::last_write_time(w.root / "a", fs::file_time_type::clock::now() - std::chrono::hours{9});
    CHECK(w.files.fingerprint("a") != before);
  }
  SECTION("another file moved over it") {
    w.write("b", "1");
    fs::rename(w.root / "b", w.root / "a");
    CHECK(w.files.fingerprint("a") != before);
  }
}

TEST_CASE("settle does not wait for stamps of the far future or of none") {
  workspace w;
  w.files.settle({{"a", ""}, {"b", "?13"}, {"c", "1:99999999999999999:3:4"}, {"d", "dir:x:y"}});
}

TEST_CASE("a folder changes with anything in it, and its digest with its contents only") {
  workspace w;
  w.write("d/x/1", "one");
  w.write("d/2", "two!");
  fs::create_symlink("nowhere", w.root / "d/link");
  auto before = w.files.fingerprint("d");
  auto digest = w.files.digest("d");
  REQUIRE(digest);
  CHECK(digest->bytes == 7);
  CHECK(before.starts_with("dir:"));
  CHECK(w.files.fingerprint("d") == before);
  w.files.settle({{"d", before}});
  w.write("d/x/1", "one");
  CHECK(w.files.fingerprint("d") != before);
  CHECK(*w.files.digest("d") == *digest);
  w.write("d/x/1", "ONE");
  CHECK(w.files.digest("d")->sha256 != digest->sha256);
  w.write("d/x/1", "one");
  fs::rename(w.root / "d/2", w.root / "d/3");
  CHECK(w.files.digest("d")->sha256 != digest->sha256);
  fs::create_directories(w.root / "empty");
  CHECK(w.files.digest("empty")->bytes == 0);
}

TEST_CASE("a digest is the file's SHA-256, read in pieces") {
  workspace w;
  std::string text(3'000'001, 'x');
  w.write("a", text);
  w.write("empty", "");
  CHECK(*w.files.digest("a") == core::file_digest{text.size(), core::sha256_hex(text)});
  CHECK(w.files.digest("empty")->sha256
        == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("reading is bounded and never blocks on what is no file") {
  workspace w;
  w.write("a", "12345");
  CHECK(*w.files.read("a", 5) == "12345");
  CHECK(w.files.read("a", 4).error == "it has more than 4 bytes");
  CHECK(w.files.read("none", 4).error == "there is no such file");
  CHECK(w.files.read("a/b", 4).error == "there is no such file");
  CHECK(w.files.read(".", 4).error == "it is a folder");
  REQUIRE(::mkfifo((w.root / "pipe").c_str(), 0600) == 0);
  CHECK(w.files.read("pipe", 4).error == "it is not a regular file");
  CHECK(w.files.digest("pipe").error == "it is not a regular file");
  CHECK(w.files.read("/dev/zero", 4).error == "it is not a regular file");
  w.write("d/1", "x");
  REQUIRE(::mkfifo((w.root / "d/pipe").c_str(), 0600) == 0);
  CHECK(w.files.digest("d"));
  fs::create_symlink("loop", w.root / "loop");
  CHECK(w.files.fingerprint("loop").empty());
  CHECK_FALSE(w.files.digest("loop"));
  CHECK_FALSE(w.files.age("loop"));
  fs::create_symlink("a", w.root / "link");
  CHECK(*w.files.read("link", 5) == "12345");
  CHECK(*w.files.read((w.root / "a").string(), 5) == "12345");
}

TEST_CASE("what may not be read is unknown, not absent") {
  if (is_root())
    SKIP("root may read everything");
  workspace w;
  w.write("d/a", "1");
  w.write("b", "1");
  fs::permissions(w.root / "d", fs::perms::none);
  fs::permissions(w.root / "b", fs::perms::none);
  CHECK(w.files.fingerprint("d/a").starts_with("?"));
  CHECK(w.files.fingerprint("d").starts_with("?"));
  CHECK(w.files.digest("b").error == "Permission denied");
  CHECK_FALSE(w.files.glob("d/*"));
  CHECK_FALSE(w.files.glob("**/x"));
  fs::permissions(w.root / "d", fs::perms::owner_all);
}

TEST_CASE("an age is that of the last write, in a folder of the newest") {
  workspace w;
  w.write("d/a", "1");
  auto hours_ago = [](int n) { return fs::file_time_type::clock::now() - std::chrono::hours{n}; };
  fs::last_write_time(w.root / "d/a", hours_ago(2));
  fs::last_write_time(w.root / "d", hours_ago(3));
  for (auto path : {"d/a", "d"}) {
    auto age = w.files.age(path);
    REQUIRE(age);
    CHECK(age->age >= std::chrono::hours{2});
    CHECK(age->age < std::chrono::hours{2} + std::chrono::minutes{1});
  }
  fs::last_write_time(w.root / "d/a", hours_ago(-1));
  CHECK(w.files.age("d/a")->age < duration{0});
}

TEST_CASE("a glob finds files by name and depth, sorted, once") {
  workspace w;
  for (auto path : {"a.txt", "b.txt", ".hidden.txt", "d/c.txt", "d/e/f.txt", "d/e/a/d/g.txt",
                    ".git/x.txt", "d/[1].txt", "d/\xc3\xa9.txt"})
    w.write(path, "");
  fs::create_directories(w.root / "dir.txt");
  fs::create_symlink("..", w.root / "d/up");
  fs::create_symlink("a.txt", w.root / "d/l.txt");
  fs::create_symlink("nowhere", w.root / "d/broken.txt");
  struct row {
    std::string pattern;
    paths found;
  };
  for (const auto& [pattern, found] : std::vector<row>{
           {"*.txt", {"a.txt", "b.txt"}},
           {"./a.*", {"a.txt"}},
           {".*.txt", {".hidden.txt"}},
           {"a.txt", {"a.txt"}},
           {"[ab].txt", {"a.txt", "b.txt"}},
           {"?.txt", {"a.txt", "b.txt"}},
           {"d/*.txt", {"d/[1].txt", "d/c.txt", "d/\xc3\xa9.txt"}},
           {"d/\\[1\\].txt", {"d/[1].txt"}},
           {"**/*.txt",
            {"a.txt", "b.txt", "d/[1].txt", "d/c.txt", "d/e/a/d/g.txt", "d/e/f.txt",
             "d/\xc3\xa9.txt"}},
           {"d/**", {"d/[1].txt", "d/c.txt", "d/e/a/d/g.txt", "d/e/f.txt", "d/\xc3\xa9.txt"}},
           {"**/d/**/*.txt",
            {"d/[1].txt", "d/c.txt", "d/e/a/d/g.txt", "d/e/f.txt", "d/\xc3\xa9.txt"}},
           {"**/**/g.txt", {"d/e/a/d/g.txt"}},
           {"**/e/f.txt", {"d/e/f.txt"}},
           {"d/up/a.txt", {"d/up/a.txt"}},
           {"d/../a.txt", {"d/../a.txt"}},
           {"*", {"a.txt", "b.txt"}},
           {"none/*.txt", {}},
           {"a.txt/*", {}},
           {"", {}},
           {"/", {}},
       }) {
    INFO(pattern);
    auto result = w.files.glob(pattern);
    REQUIRE(result);
    CHECK(*result == found);
  }
  CHECK(*w.files.glob((w.root / "*.txt").string())
        == paths{(w.root / "a.txt").string(), (w.root / "b.txt").string()});
}

TEST_CASE("files that the workspace holds open a gate") {
  workspace w;
  phase_def phase;
  phase.criteria = std::make_unique<criteria_def>();
  phase.criteria->required_outputs = {"out/a.json", "out"};
  w.write("out/a.json", "{}");
  auto before = core::take_fingerprints(phase, w.files);
  CHECK_FALSE(core::evaluate(phase, before, {}, w.files).passed);
  w.write("out/a.json", "{}");
  auto gate = core::evaluate(phase, before, {}, w.files);
  CHECK(gate.passed);
  CHECK(gate.outputs.size() == 2);
}
