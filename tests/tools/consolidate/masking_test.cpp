// No secret that a rule knows goes from a source into what is written beside it.
#include "tests/tools/consolidate/temporary_workspace.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/masking.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fstream>

using namespace aeo::consolidate;
using namespace aeo::consolidate::test;

namespace {

/// Put together here, so that this file holds none.
std::string planted(int number) {
  return std::string("AK") + "IAQ3EGT7BMZP4WKV" + std::to_string(10 + number);
}

const secret_scanner& shipped() {
  static const secret_scanner scanner(load_security_rules(AEO_SOURCE_DIR "/config").secrets,
                                      "a key for tests");
  return scanner;
}

/// The files below consolidation/ that have a secret, but for the merged sources and their backup.
std::string leaks(const temporary_workspace& ws, int last) {
  std::string found;
  for (const auto& entry : fs::recursive_directory_iterator(ws.root + "/consolidation")) {
    const auto path = fs::relative(entry.path(), ws.root + "/consolidation").string();
    if (!entry.is_regular_file() || path.starts_with("monorepo/") || path.starts_with("backup/")
        || path.find("/backup/") != std::string::npos)
      continue;
    const auto text = ws.read("consolidation/" + path);
    for (int number = 1; number <= last; ++number)
      if (text.find(planted(number)) != std::string::npos)
        found += path + " has secret " + std::to_string(number) + "\n";
  }
  return found;
}

} // namespace

TEST_CASE("what a rule knows as a secret is masked, what it passes over stays") {
  CHECK(shipped().masked("run --key=" + planted(1) + " now") == "run --key=[secret] now");
  CHECK(shipped().masked("a " + planted(1) + " b " + planted(2)) == "a [secret] b [secret]");
  CHECK(shipped().masked("DB_PASSWORD=mK9" + std::string("vT2qLzW4\n"))
        == "DB_PASSWORD=[secret]\n");
  CHECK(shipped().masked("API_TOKEN=changeme-12345678\n") == "API_TOKEN=changeme-12345678\n");
  CHECK(shipped().masked("key " + planted(1), [](std::string_view) {
    return std::string("${WEB_SECRET:?}");
  }) == "key ${WEB_SECRET:?}");
  for (const std::string prose :
       {"wrong password (expected 401)", "password reset, then login", "A password manager",
        "docs/Reset password (how-to).md", "bad password mismatch: x"})
    CHECK(shipped().masked(prose) == prose);
  const std::string begin = "-----BEGIN RSA PRIVATE";
  CHECK(shipped().masked(begin + " KEY-----\n" + std::string(64, 'k') + "\n-----END x\n")
        == begin + " KEY-----[secret]-----END x\n");
}

TEST_CASE("a document's texts and keys are masked, also where only the key tells a secret") {
  ordered document{{"path", "a/b.py"},
                   {"dbPassword", "mK9" + std::string("vT2qLzW4")},
                   {"list", {planted(1), 7, {{"command", "x " + planted(2)}}}},
                   {planted(3), {{"sha256", std::string(64, 'a')}}}};
  mask_secrets(document, shipped());
  CHECK(
      document.dump()
      == R"({"path":"a/b.py","dbPassword":"[secret]","list":["[secret]",7,{"command":"x [secret]"}],"[secret]":{"sha256":")"
             + std::string(64, 'a') + "\"}}");
}

TEST_CASE("a log of any size is masked where it has a secret, else left as it is") {
  temporary_workspace ws;
  const std::string begin = "-----BEGIN EC PRIVATE KEY-----\n";
  const auto body = std::string(64, 'k') + "\n";
  // The armour stands on both sides of what is read at once.
  const std::string before((4U << 20) - begin.size() - 10, '\n');
  ws.write("a.log", before + begin + body + "-----END\n" + planted(1) + "\n");
  log_mask(ws.context, ws.root + "/a.log").finish();
  CHECK((ws.read("a.log")
         == before + begin.substr(0, begin.size() - 1) + "[secret]-----END\n[secret]\n"));
  ws.write("b.log", "nothing\n");
  const auto time = fs::last_write_time(ws.root + "/b.log");
  log_mask(ws.context, ws.root + "/b.log").finish();
  CHECK(fs::last_write_time(ws.root + "/b.log") == time);
  CHECK_FALSE(fs::exists(ws.root + "/b.log.masked"));
  ws.write("c.log", planted(2) + "\n");
  { const log_mask left_early(ws.context, ws.root + "/c.log"); }
  CHECK(ws.read("c.log") == "[secret]\n");
}

TEST_CASE("secrets in manifests, commands, routes, names and links reach no output") {
  temporary_workspace ws;
  auto shop = ws.start("shop");
  ws.write("shop/package.json",
           R"({"name": "shop", "dependencies": {"x": "git+https://)" + planted(1)
               + R"(@example.org/x.git"}, "scripts": {"start": "node app.js --key )" + planted(2)
               + "\"}}\n");
  ws.write("shop/broken.json", "{\"key\": \"" + planted(3) + "\" nonsense\n");
  ws.write("shop/app.js", "app.get('/health', ok);\napp.post('/hook/" + planted(4)
                              + "', hook);\nconst k = process.env.KEY;\n");
  ws.write("shop/README.md", "# Shop\n\nSee [that](docs/" + planted(5) + ".md).\n");
  ws.write("shop/Dockerfile", "FROM node:22\nUSER node\nEXPOSE 8000\nCMD [\"node\", \"app.js\", \""
                                  + planted(6) + "\"]\n");
  ws.write("shop/docker-compose.yml",
           "services:\n  web:\n    build: .\n    ports: [\"8000:8000\"]\n"
           "    secrets: [db_password_prod_2024_q1x]\n"
           "    command: [\"node\", \"app.js\", \"--key="
               + planted(7) + "\", \"--password\", \"mK9" + "vT2qLzW4\", \"--key=" + planted(12)
               + "\"]\n    labels:\n      both: " + planted(7) + " " + planted(12)
               + "\nsecrets:\n  db_password_prod_2024_q1x:\n    file: ./x\n");
  fs::create_symlink("nowhere/" + planted(8), ws.root + "/shop/link");
  ws.commit("shop", "first");
  shop.output({"branch", "-q", "fix-" + planted(9)});
  shop.set_environment("GIT_AUTHOR_NAME=A " + planted(10));
  shop.output({"commit", "-q", "--allow-empty", "-m", "by " + planted(10)});
  command_setting suite;
  suite.name = "talks";
  suite.argv = {"/bin/sh", "-c", "echo with key " + planted(11) + "; echo 1 run, 0 bad"};
  suite.summary = {{"run", "(\\d+) run"}, {"failed", "(\\d+) bad"}};
  suite.env = {{"TEST_TOKEN", "mK9" + std::string("vT2qLzW4xY8bNc3dF6gH")}};
  ws.context.config.run.tests = {suite};
  std::size_t written = 0;
  const auto plan = ordered::parse(std::ifstream(AEO_SOURCE_DIR "/config/phase_config.json"));
  for (const auto& phase : plan["phases"])
    for (const auto& task : phase["tasks"]) {
      const auto& command = task["command"];
      // Some need what is not here: suites that run, the record of an execution.
      try {
        ws.run(command[1], fs::relative(command[3].get<std::string>(), "consolidation"));
        ++written;
      } catch (const failure& error) {
        CHECK(std::string(error.what()).find(planted(1).substr(0, 10)) == std::string::npos);
      }
    }
  CHECK(written > 20);
  CHECK(leaks(ws, 12) == "");
  const auto compose = ws.read("consolidation/infrastructure/compose.yaml");
  INFO(compose);
  CHECK(compose.find("\"--key=${WEB_SECRET:?}\", \"--password\", \"${WEB_SECRET_2:?}\", "
                     "\"--key=${WEB_SECRET_3:?}\"")
        != std::string::npos);
  CHECK(compose.find("both: \"${WEB_SECRET:?} ${WEB_SECRET_3:?}\"") != std::string::npos);
  CHECK(compose.find("[db_password_prod_2024_q1x]") != std::string::npos);
  // A workflow that would run with what stands in a secret's place is not valid.
  const auto pipeline = ordered::parse(ws.read("consolidation/cicd/pipeline_config.json"));
  CHECK(pipeline["workflow_valid"] == false);
  CHECK(ws.read("consolidation/cicd/workflows/ci.yml").find("${{ secrets.TEST_TOKEN }}")
        != std::string::npos);
}
