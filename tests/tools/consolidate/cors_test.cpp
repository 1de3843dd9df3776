#include "tests/tools/consolidate/temporary_workspace.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace aeo::consolidate;
using namespace aeo::consolidate::test;

namespace {

/// What the step finds in one file: `LINE SEVERITY`, in order of the lines.
std::vector<std::string> cors_findings(const std::string& name, const std::string& text) {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/" + name, text);
  ws.commit("app", "first");
  const auto document = ws.run("cors-config", "security/cors_config.json");
  std::vector<std::string> found;
  for (const auto& item : document["findings"])
    found.push_back(item["line"].dump() + " " + item["severity"].get<std::string>());
  std::ranges::sort(found);
  return found;
}

using lines = std::vector<std::string>;

} // namespace

TEST_CASE("origins that a variable holds are read") {
  CHECK(cors_findings("a.py", "origins = [\n    \"https://shop.example\",\n    \"*\",\n]\n"
                              "app.add_middleware(CORSMiddleware, allow_origins=origins)\n")
        == lines{"5 medium"});
  CHECK(cors_findings("b.js", "const anyone: string = \"*\";\napp.use(cors({ origin: anyone }));\n")
        == lines{"2 medium"});
  CHECK(cors_findings("c.js", "const origin = ['*'];\napp.use(cors({ origin, maxAge: 3 }));\n")
        == lines{"2 medium"});
  CHECK(cors_findings("d.py", "EVERYBODY = '*'\nCORS(app, origins=[EVERYBODY])\n")
        == lines{"2 medium"});
  CHECK(cors_findings("e.go", "var all = []string{\"*\"}\nvar c = cors.Config{AllowOrigins: all}\n")
        == lines{"2 medium"});
}

TEST_CASE("a variable that names the origins lets in nobody else") {
  CHECK(cors_findings("a.py", "sites = [\"https://shop.example\"]\nany_one = \"*\"\n"
                              "f(CORSMiddleware, allow_origins=sites)\n")
            .empty());
  CHECK(cors_findings("b.js", "let sites = f('*');\napp.use(cors({ origin: sites }));\n").empty());
  CHECK(cors_findings("c.js", "const origin = '*';\nlog({ origin, maxAge: 3 });\n").empty());
}

TEST_CASE("a comment in a list of origins hides none of them") {
  CHECK(cors_findings("a.py",
                      "f(\n    allow_origins=[  # who may call\n"
                      "        # \"https://old.example\",\n        \"*\",  # all\n    ],\n)\n")
        == lines{"2 medium"});
  CHECK(cors_findings("b.py", "f(\n    allow_origins=[\n        # \"*\",\n"
                              "        \"https://shop.example#*\",  # not \"*\"\n    ],\n)\n")
            .empty());
  CHECK(cors_findings("c.js", "cors({ origin: [ // sites\n  /* all */ '*' ] });\n")
        == lines{"1 medium"});
}

TEST_CASE("origins are read however a framework takes them") {
  CHECK(cors_findings("a.py", "CORS(\n    app,\n    resources={\n        r\"/api/*\": {\n"
                              "            \"origins\": \"*\",\n        },\n    },\n)\n")
        == lines{"5 medium"});
  CHECK(cors_findings("b.py", "f(CORSMiddleware, allow_origin_regex=\".*\")\n")
        == lines{"1 medium"});
  CHECK(cors_findings("c.py", "f(CORSMiddleware, allow_origin_regex=r\"^https?://.*$\")\n")
        == lines{"1 medium"});
  CHECK(cors_findings("d.py",
                      "f(CORSMiddleware, allow_origin_regex=r\"https://.*\\.shop\\.example\")\n")
            .empty());
  CHECK(cors_findings("e.js", "app.use(cors({ origin: [\"*\"] }));\n") == lines{"1 medium"});
  CHECK(cors_findings("f.js", "app.use(cors({ origin: /.*/ }));\n") == lines{"1 medium"});
  CHECK(cors_findings("g.go", "var c = cors.Options{\n\tAllowedOrigins: []string{\n\t\t\"*\",\n"
                              "\t},\n}\n")
        == lines{"2 medium"});
}

TEST_CASE("any origin with credentials is worse than any origin") {
  CHECK(cors_findings("a.js", "app.use(cors({ origin: true, credentials: true }));\n")
        == lines{"1 high"});
  CHECK(cors_findings("b.py", "f(\n    CORSMiddleware,\n    allow_origins=[\"*\"],\n"
                              "    allow_credentials=True,\n)\n")
        == lines{"3 high"});
  CHECK(cors_findings("c.py", "CORS(app, supports_credentials=True,\n"
                              "     resources={\"/api/*\": {\"origins\": \"*\"}})\n")
        == lines{"2 high"});
  CHECK(
      cors_findings("d.py", "CORS_ALLOW_ALL_ORIGINS = True\n# yes\nCORS_ALLOW_CREDENTIALS = True\n")
      == lines{"1 high"});
  CHECK(cors_findings("e.go", "c := cors.New(cors.Options{\n\tAllowedOrigins: []string{\"*\"},\n"
                              "\tAllowCredentials: true,\n})\n")
        == lines{"2 high"});
}

TEST_CASE("credentials of something else make no origin worse") {
  CHECK(cors_findings("a.js", "app.use(cors({ origin: '*', credentials: false }));\n"
                              "fetch(url, { credentials: true });\n")
        == lines{"1 medium"});
  CHECK(cors_findings("b.js", "start(() => {\n  app.use(cors({ origin: '*' }));\n"
                              "  app.use(cors({ origin: sites, credentials: true }));\n});\n")
        == lines{"2 medium"});
  CHECK(cors_findings("test/c.js", "app.use(cors({ origin: true, credentials: true }));\n")
        == lines{"1 low"});
  CHECK(cors_findings("d.py", "origins = \"*\"\n" + std::string(20'000, '\n')
                                  + "client.get(url, credentials=True)\n")
        == lines{"1 medium"});
}

TEST_CASE("Flask-CORS without origins lets any in, whatever else it is told") {
  CHECK(cors_findings("a.py", "CORS(app, supports_credentials=True)\n") == lines{"1 high"});
  CHECK(cors_findings("b.py", "CORS(\n    app,\n    max_age=600,\n)\n") == lines{"1 medium"});
  CHECK(cors_findings("c.py", "CORS(app)\n") == lines{"1 medium"});
  CHECK(cors_findings("d.py", "CORS(app, origins=sites)\n").empty());
  CHECK(cors_findings("e.py", "CORS(app, **options)\n").empty());
  CHECK(cors_findings("f.py", "app.config['CORS_ORIGINS'] = sites\nCORS(app, max_age=600)\n")
            .empty());
  CHECK(cors_findings("g.py", "CORS(app, resources={\n    '/api/*': {'origins': sites},\n})\n")
            .empty());
}
