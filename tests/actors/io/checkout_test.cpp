#include "actors/io/checkout.hpp"
#include "tests/fixtures/temp_dir.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fstream>

using namespace aeo;
using namespace aeo::test;
namespace fs = std::filesystem;

namespace {

const std::string its_commit(40, 'a');
const std::string another_commit(40, 'b');

void write_text(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream{file} << text;
}

/// A work tree on branch main, as git leaves it.
struct work_tree {
  temp_dir dir;
  fs::path git = dir / ".git";
  work_tree() {
    write_text(git / "HEAD", "ref: refs/heads/main\n");
    write_text(git / "refs/heads/main", its_commit + "\n");
    write_text(git / "config",
               "[core]\n\tbare = false\n[remote \"other\"]\n\turl = x\n"
               "[remote \"origin\"]\n\turl = git@github.com:o/r.git\n\tfetch = y\n");
  }
};

} // namespace

TEST_CASE("the commit of a branch and the remote of a work tree are read, also from below") {
  work_tree t;
  fs::create_directories(t.dir / "a/b");
  for (const auto& folder : {t.dir.path(), t.dir / "a/b"}) {
    const auto found = io::read_checkout(folder);
    REQUIRE(found);
    CHECK(found->sha == its_commit);
    CHECK(found->remote == "git@github.com:o/r.git");
  }
}

TEST_CASE("packed branches, detached heads and linked work trees are understood") {
  work_tree t;
  SECTION("packed") {
    fs::remove(t.git / "refs/heads/main");
    write_text(t.git / "packed-refs", "# pack-refs\n" + another_commit + " refs/heads/other-main\n"
                                          + its_commit + " refs/heads/main\n");
    CHECK(io::read_checkout(t.dir.path())->sha == its_commit);
  }
  SECTION("detached") {
    write_text(t.git / "HEAD", another_commit + "\n");
    CHECK(io::read_checkout(t.dir.path())->sha == another_commit);
  }
  SECTION("linked") {
    write_text(t.git / "worktrees/w/HEAD", "ref: refs/heads/side\n");
    write_text(t.git / "worktrees/w/commondir", "../..\n");
    write_text(t.git / "refs/heads/side", another_commit + "\n");
    write_text(t.dir / "w/.git", "gitdir: " + (t.git / "worktrees/w").string() + "\n");
    const auto found = io::read_checkout(t.dir / "w");
    REQUIRE(found);
    CHECK(found->sha == another_commit);
    CHECK(found->remote == "git@github.com:o/r.git");
  }
}

TEST_CASE("a tree without a commit or a remote is no checkout") {
  work_tree t;
  SECTION("no commit") {
    fs::remove(t.git / "refs/heads/main");
  }
  SECTION("no remote") {
    write_text(t.git / "config", "[core]\n");
  }
  SECTION("nonsense") {
    write_text(t.git / "HEAD", "ref: ref: x\n");
  }
  CHECK_FALSE(io::read_checkout(t.dir.path()));
}
