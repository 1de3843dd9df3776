#include "actors/core/github_check.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>

using namespace aeo;
using namespace aeo::core;

namespace {

/// Answers by path; what is asked and not known is 404.
struct github_answers {
  std::map<std::string, http_reply> by_path;
  std::vector<std::string> asked;
  github_settings settings;

  github_answers() {
    settings.enabled = true;
    settings.owner = "o";
    settings.repo = "r";
    settings.labels = {"a"};
    settings.chatops = true;
    settings.commit_statuses = true;
    set("/user", R"({"login":"bot","id":1})");
    by_path["/user"].headers["x-oauth-scopes"] = "gist, repo";
    set("/repos/o/r", R"({"full_name":"o/r","private":true,"has_issues":true,"archived":false,)"
                      R"("permissions":{"push":true,"pull":true}})");
    set("/repos/o/r/issues?per_page=1&state=all", "[]");
    set("/repos/o/r/collaborators/bot/permission", R"({"permission":"write"})");
  }
  void set(const std::string& path, std::string body, int status = 200) {
    auto& r = by_path[path];
    r.status = status;
    r.body = std::move(body);
  }
  /// "token ok, repository problem, issues unknown": what was found.
  std::string found() {
    std::string result;
    for (const auto& line : check_github(settings, "api.github.com", 0, [this](const auto& path) {
           asked.push_back(path);
           auto r = by_path.contains(path) ? by_path[path] : http_reply{};
           if (!by_path.contains(path)) {
             r.status = 404;
             r.body = "{}";
           }
           return r;
         }))
      result += (result.empty() ? "" : ", ") + line.what
                + (!line.good   ? " unknown"
                   : *line.good ? " ok"
                                : " problem");
    return result;
  }
};

} // namespace

TEST_CASE("good access to GitHub is found good, by reading alone") {
  github_answers a;
  CHECK(a.found()
        == "token ok, repository ok, issues ok, labels ok, commit statuses ok, chatops ok");
  CHECK(a.asked.size() == 4);
}

TEST_CASE("a token that GitHub does not take makes the rest pointless") {
  github_answers a;
  a.set("/user", R"({"message":"Bad credentials"})", 401);
  CHECK(a.found() == "token problem");
}

TEST_CASE("a repository that is not there, archived, or without issues is a problem") {
  github_answers a;
  SECTION("not there") {
    a.by_path.erase("/repos/o/r");
    CHECK(a.found() == "token ok, repository problem");
  }
  SECTION("archived") {
    a.set("/repos/o/r", R"({"archived":true,"has_issues":true,"permissions":{"push":true}})");
    CHECK(a.found().starts_with("token ok, repository problem"));
  }
  SECTION("without issues") {
    a.set("/repos/o/r", R"({"has_issues":false,"permissions":{"push":true}})");
    CHECK(a.found().starts_with("token ok, repository ok, issues problem"));
  }
}

TEST_CASE("what a token may write is known by its scopes, or not at all") {
  github_answers a;
  SECTION("public_repo is not enough for a private repository") {
    a.by_path["/user"].headers["x-oauth-scopes"] = "public_repo";
    CHECK(a.found().starts_with("token ok, repository ok, issues problem"));
  }
  SECTION("a fine-grained token has no scopes to show") {
    a.by_path["/user"].headers.clear();
    CHECK(a.found().starts_with("token ok, repository ok, issues unknown"));
  }
}

TEST_CASE("without push access labels and commit statuses are a problem") {
  github_answers a;
  a.set("/repos/o/r", R"({"has_issues":true,"permissions":{"pull":true}})");
  CHECK(
      a.found()
      == "token ok, repository ok, issues ok, labels problem, commit statuses problem, chatops ok");
}
