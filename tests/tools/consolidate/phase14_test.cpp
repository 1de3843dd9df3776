#include "tests/tools/consolidate/temporary_workspace.hpp"
#include "tools/consolidate/backup.hpp"
#include "tools/consolidate/digest.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/process.hpp"
#include "tools/consolidate/restore_check.hpp"

#include <catch2/catch_test_macros.hpp>

#include <SQLiteCpp/SQLiteCpp.h>

#include <map>
#include <random>

using namespace aeo::consolidate;
using namespace aeo::consolidate::test;

namespace {

/// A merged monorepo with branches, tags and odd names, and outputs that are just as odd.
void prepare(const temporary_workspace& ws) {
  ws.start("one");
  ws.write("one/src/new\nline.py", "print(1)\n");
  ws.write("one/caf\xE9.txt", "latin\n");
  ws.write("one/run.sh", "#!/bin/sh\n");
  fs::permissions(ws.root + "/one/run.sh", fs::perms::owner_exec, fs::perm_options::add);
  fs::create_symlink("nowhere", ws.root + "/one/broken");
  ws.commit("one", "first");
  ws.repository("one").output({"tag", "-a", "-m", "release", "v1"});
  ws.repository("one").output({"branch", "side"});
  ws.merge();
  ws.write("consolidation/odd/new\nline \\ and spaces", "x\n");
  ws.write("consolidation/odd/caf\xE9", "latin");
  ws.write("consolidation/odd/empty", "");
  ws.write("consolidation/odd/nul", std::string("a\0b", 3));
  ws.write("consolidation/odd/secret", "only mine\n");
  fs::permissions(ws.root + "/consolidation/odd/secret", fs::perms::owner_read);
  fs::create_directories(ws.root + "/consolidation/odd/nothing/inside");
  fs::create_symlink("../gone", ws.root + "/consolidation/odd/link");
}

ordered exercise(const temporary_workspace& ws) {
  return ws.run("disaster-recovery", "disaster_recovery/recovery_plan.json");
}

process_result restore(const temporary_workspace& ws, const std::string& target) {
  return run_process({"sh", ws.root + "/consolidation/backup/restore.sh", target}, {});
}

/// Path below `root` -> kind, permissions and content or link.
std::map<std::string, std::string> everything_below(const std::string& root) {
  std::map<std::string, std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const auto status = entry.symlink_status();
    auto text = std::to_string(static_cast<int>(status.type())) + " "
                + std::to_string(static_cast<int>(status.permissions())) + " ";
    if (fs::is_symlink(status)) {
      text += fs::read_symlink(entry.path()).string();
    } else if (fs::is_regular_file(status)) {
      std::ifstream in(entry.path(), std::ios::binary);
      std::ostringstream content;
      content << in.rdbuf();
      text += content.str();
    }
    found[entry.path().string().substr(root.size() + 1)] = text;
  }
  return found;
}

} // namespace

TEST_CASE("what the script restores is the original, byte for byte") {
  const temporary_workspace ws;
  prepare(ws);
  const auto plan = exercise(ws);
  CHECK(plan["restored_equals_original"] == true);
  CHECK(plan["entries_identical"] == plan["entries_covered"]);
  CHECK(plan["refs_total"] == 1 + count_lines_of(ws.monorepo().output({"for-each-ref"})));
  for (const auto& check : plan["checks"])
    CHECK(check["passed"] == true);

  const auto target = ws.root + "/elsewhere";
  REQUIRE(restore(ws, target).exit_code == 0);
  const git copy(target + "/monorepo");
  CHECK(copy.output({"for-each-ref"}) == ws.monorepo().output({"for-each-ref"}));
  CHECK(copy.output({"status", "--porcelain"}).empty());
  CHECK(everything_below(target + "/odd") == everything_below(ws.root + "/consolidation/odd"));
  CHECK(everything_below(target + "/repository_consolidation")
        == everything_below(ws.root + "/consolidation/repository_consolidation"));
}

TEST_CASE("neither the monorepo nor any output is touched by the drill") {
  const temporary_workspace ws;
  prepare(ws);
  const auto before = everything_below(ws.root + "/consolidation/odd");
  const auto refs = ws.monorepo().output({"for-each-ref"});
  exercise(ws);
  CHECK(everything_below(ws.root + "/consolidation/odd") == before);
  CHECK(ws.monorepo().output({"for-each-ref"}) == refs);
  CHECK_FALSE(fs::exists(ws.root + "/consolidation/.backup.new"));
  CHECK_FALSE(fs::exists(ws.root + "/consolidation/.cache/recovery"));
}

TEST_CASE("a backup that is not the original never replaces one that is") {
  const temporary_workspace ws;
  prepare(ws);
  exercise(ws);
  const auto sums = ws.read("consolidation/backup/SHA256SUMS");
  ws.write("consolidation/monorepo/libs/one/work in progress.py", "not committed\n");
  const auto plan = exercise(ws);
  CHECK(plan["restored_equals_original"] == false);
  CHECK(plan["uncommitted_changes"] == 1);
  CHECK(plan["backup"]["kept"] == false);
  CHECK(ws.read("consolidation/backup/SHA256SUMS") == sums);
}

TEST_CASE("a second drill replaces the first backup and does not back it up") {
  const temporary_workspace ws;
  prepare(ws);
  const auto first = exercise(ws);
  ws.write("consolidation/odd/later", "new\n");
  const auto second = exercise(ws);
  CHECK(second["restored_equals_original"] == true);
  // One more of ours, and the plan that the first drill wrote.
  CHECK(second["files_covered"] == first["files_covered"].get<int>() + 2);
  CHECK(ws.read("consolidation/backup/outputs.sha256").find("odd/later") != std::string::npos);
  CHECK(ws.read("consolidation/backup/outputs.sha256").find("backup/") == std::string::npos);
}

TEST_CASE("a damaged backup is refused by its own script before anything is restored") {
  const temporary_workspace ws;
  prepare(ws);
  exercise(ws);
  for (const char* name : {"outputs.tar.gz", "monorepo.bundle", "outputs.sha256"}) {
    const auto path = std::string("consolidation/backup/") + name;
    const auto good = ws.read(path);
    auto bad = good;
    bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
    ws.write(path, bad);
    const auto target = ws.root + "/refused";
    CHECK(restore(ws, target).exit_code != 0);
    CHECK(fs::is_empty(target));
    ws.write(path, good);
  }
  ws.write("occupied/file", "mine\n");
  CHECK(restore(ws, ws.root + "/occupied").exit_code == 73);
  CHECK(ws.read("occupied/file") == "mine\n");
}

TEST_CASE("a live database is covered as it was at one moment, committed work only") {
  const temporary_workspace ws;
  prepare(ws);
  SQLite::Database live(ws.root + "/consolidation/execution.db",
                        SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  live.exec("PRAGMA journal_mode = WAL");
  live.exec("CREATE TABLE events (n INTEGER)");
  live.exec("INSERT INTO events VALUES (1)");
  live.exec("BEGIN");
  live.exec("INSERT INTO events VALUES (2)");
  const auto plan = exercise(ws);
  CHECK(plan["restored_equals_original"] == true);
  live.exec("COMMIT");
  REQUIRE(restore(ws, ws.root + "/elsewhere").exit_code == 0);
  SQLite::Database restored(ws.root + "/elsewhere/execution.db");
  CHECK(restored.execAndGet("SELECT sum(n) FROM events").getInt() == 1);
  CHECK_FALSE(fs::exists(ws.root + "/elsewhere/execution.db-wal"));
}

TEST_CASE("a database that is none fails the drill by name") {
  const temporary_workspace ws;
  prepare(ws);
  ws.write("consolidation/execution.db", std::string(8192, 'x'));
  const auto plan = exercise(ws);
  CHECK(plan["restored_equals_original"] == false);
  CHECK(plan["files_unreadable"] == 1);
  CHECK(plan["unreadable"][0]["path"] == "execution.db");
}

TEST_CASE("addresses and credentials of the running node are not backed up") {
  const temporary_workspace ws;
  prepare(ws);
  ws.write("consolidation/.aeo/credentials/operator.pem", "private\n");
  ws.write("consolidation/x.json.tmp.123", "half");
  exercise(ws);
  const auto manifest = ws.read("consolidation/backup/outputs.sha256");
  CHECK(manifest.find("operator") == std::string::npos);
  CHECK(manifest.find(".tmp.") == std::string::npos);
  CHECK(manifest.find("merge_strategy.json") != std::string::npos);
}

TEST_CASE("every difference after a restore is found, also of one bit, and nothing else") {
  const temporary_workspace ws;
  std::mt19937 random(3);
  for (int n = 0; n < 30; ++n) {
    std::string content(random() % 200'000, '\0');
    for (auto& c : content)
      c = static_cast<char>(random());
    ws.write("consolidation/a/f" + std::to_string(n), content);
  }
  fs::create_directories(ws.root + "/copy");
  fs::copy(ws.root + "/consolidation/a", ws.root + "/copy/a", fs::copy_options::recursive);
  auto set = collect_outputs(ws.root + "/consolidation", "");
  archive_writer archive(ws.root + "/a.tar.gz");
  for (auto& entry : set.entries) {
    std::string problem;
    REQUIRE(archive.add(entry, problem));
    if (entry.type == archived_entry::kind::file)
      CHECK(entry.sha256 == sha256_hex(ws.read("consolidation/" + entry.path)));
  }
  archive.close();
  const auto& progress = ws.context.progress;
  CHECK(compare_outputs(set, ws.root + "/copy", progress).different.empty());
  for (int round = 0; round < 30; ++round) {
    const auto path = "a/f" + std::to_string(round);
    const auto good = ws.read("copy/" + path);
    if (good.empty())
      continue;
    auto bad = good;
    const auto at = random() % bad.size();
    bad[at] = static_cast<char>(bad[at] ^ (1 << random() % 8));
    ws.write("copy/" + path, bad);
    const auto found = compare_outputs(set, ws.root + "/copy", progress);
    REQUIRE(found.different.size() == 1);
    CHECK(found.different[0].path == path);
    ws.write("copy/" + path, good);
  }
  ws.write("copy/a/extra", "who made this?");
  fs::remove(ws.root + "/copy/a/f0");
  CHECK(compare_outputs(set, ws.root + "/copy", progress).different.size() == 2);
}

TEST_CASE("an original that changes after it was read is told from a bad restore") {
  const temporary_workspace ws;
  ws.write("consolidation/log", "line 1\n");
  auto set = collect_outputs(ws.root + "/consolidation", "");
  archive_writer archive(ws.root + "/a.tar.gz");
  std::string problem;
  REQUIRE(archive.add(set.entries.at(0), problem));
  archive.close();
  ws.write("copy/log", "line 1\n");
  ws.write("consolidation/log", "line 1\nline 2\n");
  const auto found = compare_outputs(set, ws.root + "/copy", ws.context.progress);
  CHECK(found.changed_meanwhile == std::vector<std::string>{"log"});
  CHECK(found.different.empty());
  ws.write("copy/log", "line 2\n");
  CHECK(compare_outputs(set, ws.root + "/copy", ws.context.progress).different.size() == 1);
}

TEST_CASE("without a monorepo there is nothing to back up, and who makes it is said") {
  const temporary_workspace ws;
  try {
    exercise(ws);
    FAIL("accepted");
  } catch (const failure& error) {
    CHECK(error.status() == exit_status::no_input);
    CHECK(std::string(error.what()).find("conflict-resolution") != std::string::npos);
  }
}

TEST_CASE("a copy that was taken elsewhere is what is restored, once it can be fetched") {
  temporary_workspace ws;
  prepare(ws);
  command_setting carry;
  carry.name = "carry";
  carry.argv = {"/bin/sh", "-c", "cp -r \"$AEO_BACKUP\" \"$PLACE\""};
  carry.env["PLACE"] = ws.root + "/offsite";
  ws.context.config.run.backup = {carry};
  auto plan = exercise(ws);
  CHECK(plan["copy_elsewhere"]["status"] == "not_measured");
  CHECK(plan["restored_equals_original"] == true);

  auto fetch = carry;
  fetch.name = "fetch";
  fetch.argv = {"/bin/sh", "-c", "cp \"$PLACE\"/* \"$AEO_FETCHED\""};
  ws.context.config.run.backup = {carry, fetch};
  fs::remove_all(ws.root + "/offsite");
  plan = exercise(ws);
  CHECK(plan["copy_elsewhere"]["status"] == "restored");
  CHECK(plan["restored_equals_original"] == true);

  fetch.argv = {"/bin/sh", "-c",
                "cp \"$PLACE\"/* \"$AEO_FETCHED\"; echo x >> \"$AEO_FETCHED\"/outputs.tar.gz"};
  ws.context.config.run.backup = {carry, fetch};
  fs::remove_all(ws.root + "/offsite");
  CHECK(exercise(ws)["restored_equals_original"] == false);
}

TEST_CASE("a backup says which phases' outputs it has and which were not there yet") {
  const temporary_workspace ws;
  prepare(ws);
  const auto approved = [](const std::string& path) {
    return ordered{{"status", "approved"}, {"outputs", {{{"path", path}}}}};
  };
  const ordered phases{
      {"3", approved("consolidation/repository_consolidation/merge_strategy.json")},
      {"4", approved("consolidation/monorepo/README.md")},
      {"5", approved("consolidation/gone.json")},
      {"7", {{"status", "in_progress"}, {"outputs", ordered::array()}}},
      {"12", {{"status", "pending"}}},
      {"14", {{"status", "in_progress"}}}};
  ws.write("consolidation/execution_state.json",
           ordered{{"execution_id", "x"}, {"phases", phases}}.dump());
  const auto plan = exercise(ws);
  CHECK(plan["phases_in_backup"] == ordered{"3", "4"});
  CHECK(plan["phases_not_in_backup"]
        == ordered{{{"phase", "5"}, {"reason", "consolidation/gone.json is not there"}},
                   {{"phase", "7"}, {"reason", "was in_progress when the backup began"}},
                   {{"phase", "12"}, {"reason", "was pending when the backup began"}}});
  CHECK(plan["summary"].get<std::string>().ends_with(
      "identical; without all outputs of phases 5, 7, 12"));
  CHECK(plan["decisions"].dump().find("phases 5, 7, 12") != std::string::npos);
}

TEST_CASE("a backup without a run on record does not say whose outputs it has") {
  const temporary_workspace ws;
  prepare(ws);
  ws.write("consolidation/execution_state.json", "no JSON");
  CHECK(exercise(ws)["phases_in_backup"]["status"] == "not_measured");
  fs::remove(ws.root + "/consolidation/execution_state.json");
  const auto plan = exercise(ws);
  CHECK(plan["phases_in_backup"]["status"] == "not_measured");
  CHECK(plan["summary"].get<std::string>().ends_with(" s, identical"));
}
