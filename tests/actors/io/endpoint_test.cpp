#include "actors/io/endpoint.hpp"
#include "tests/fixtures/temp_dir.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fstream>

using namespace aeo;
using aeo::test::temp_dir;
namespace fs = std::filesystem;

namespace {

fs::path workspace_with_node(const temp_dir& dir) {
  const auto workspace = dir.path() / "first";
  fs::create_directories(io::endpoint_file(workspace).parent_path());
  REQUIRE_FALSE(
      io::write_endpoint(workspace, {.host = "127.0.0.1", .port = 7, .pid = 8, .execution = "e"}));
  return workspace;
}

bool is_own(const fs::path& workspace) {
  const auto found = io::read_endpoint(workspace);
  REQUIRE(found);
  return io::is_of_workspace(*found, workspace);
}

} // namespace

TEST_CASE("an endpoint says of which workspace it is") {
  temp_dir dir;
  const auto workspace = workspace_with_node(dir);
  const auto found = io::read_endpoint(workspace);
  REQUIRE(found);
  CHECK(found->workspace == fs::canonical(workspace));
  CHECK(found->port == 7);
  CHECK(is_own(workspace));
}

TEST_CASE("a renamed workspace has its endpoint still, by any name; a copy has none of its own") {
  temp_dir dir;
  const auto workspace = workspace_with_node(dir);
  fs::copy(workspace, dir.path() / "copy", fs::copy_options::recursive);
  fs::rename(workspace, dir.path() / "second");
  fs::create_directory_symlink(dir.path() / "second", dir.path() / "link");
  CHECK(is_own(dir.path() / "second"));
  CHECK(is_own(dir.path() / "link"));
  CHECK_FALSE(is_own(dir.path() / "copy"));
  fs::rename(dir.path() / "copy", workspace);
  CHECK_FALSE(is_own(workspace)); // At the path that the node knows, and not its folder.
}

TEST_CASE("an endpoint of a version that did not say whose it is is taken as it is") {
  temp_dir dir;
  const auto workspace = workspace_with_node(dir);
  std::ofstream{io::endpoint_file(workspace)} << R"({"host": "127.0.0.1", "port": 9, "pid": 1})";
  CHECK(is_own(workspace));
}
