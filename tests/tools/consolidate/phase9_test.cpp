#include "tests/tools/consolidate/temporary_workspace.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>

#include <map>

using namespace aeo::consolidate;
using namespace aeo::consolidate::test;

namespace {

std::string planted(int number) {
  return std::string("AK") + "IAQ3EGT7BMZP4WKV" + (number < 10 ? "2" : "") + std::to_string(number);
}

ordered run_security(const temporary_workspace& ws, const std::string& step) {
  auto name = step;
  std::replace(name.begin(), name.end(), '-', '_');
  return ws.run(step, "security/" + name + ".json");
}

ordered run_all(const temporary_workspace& ws) {
  for (const auto* step :
       {"webhook-validation-whatsapp", "webhook-validation-n8n", "secrets-migration",
        "rate-limiting", "cors-config", "auth-implementation", "security-audit-report"})
    run_security(ws, step);
  return run_security(ws, "security-summary");
}

/// Every byte below consolidation/ but the pages that git packs, as one text.
std::string everything_written(const temporary_workspace& ws) {
  std::string all;
  for (const auto& entry : fs::recursive_directory_iterator(ws.root + "/consolidation")) {
    if (entry.is_regular_file())
      all += ws.read(fs::relative(entry.path(), ws.root).string());
  }
  return all;
}

std::map<std::string, ordered> by_path(const ordered& findings) {
  std::map<std::string, ordered> result;
  for (const auto& item : findings)
    result[item["path"].get<std::string>()] = item;
  return result;
}

const char* signed_go = R"(package main

func routes() {
	mux.HandleFunc("/webhooks/whatsapp", limited(whatsApp))
	mux.HandleFunc("/webhooks/n8n", limited(fromN8n))
	mux.HandleFunc("/orders", orders)
	mux.HandleFunc("/health", health)
}

func limited(next http.HandlerFunc) http.HandlerFunc { return rateLimiter(next) }

func whatsApp(w http.ResponseWriter, r *http.Request) {
	if !validSignature(r) {
		return
	}
}

func validSignature(r *http.Request) bool { return hmac.Equal(a, b) }

// fromN8n is called after validSignature in another life.
func fromN8n(w http.ResponseWriter, r *http.Request) {
	store(r)
}

func orders(w http.ResponseWriter, r *http.Request) {}
)";

} // namespace

TEST_CASE("secrets of the tree, of every reference and of messages are found, never written") {
  temporary_workspace ws;
  const auto repository = ws.start("app");
  ws.write("app/a.py", "KEY = '" + planted(2) + "'\n");
  ws.write("app/gone.py", "x = 1\nKEY = '" + planted(3) + "'\n");
  ws.write("app/b.bin", std::string("\0\1\2", 3) + planted(4) + std::string("\0", 1));
  ws.commit("app", "first");
  fs::remove(ws.root + "/app/gone.py");
  ws.commit("app", "remove it\n\nit was " + planted(5));
  repository.output({"checkout", "-q", "-b", "side"});
  ws.write("app/side.py", "KEY = '" + planted(6) + "'\n");
  ws.commit("app", "on a branch");
  repository.output({"checkout", "-q", "main"});
  repository.output({"update-ref", "refs/odd/place", "side"});
  repository.output({"branch", "-q", "-D", "side"});
  repository.output({"tag", "-a", "-m", "was " + planted(7), "v1"});
  const auto summary = run_all(ws);
  const auto secrets = ordered::parse(ws.read("consolidation/security/secrets_migration.json"));
  CHECK(secrets["secrets_total"] == 6);
  CHECK(secrets["in_tree"] == 2);
  CHECK(secrets["history_only"] == 4);
  CHECK(summary["critical"] == 6);
  const auto found = by_path(secrets["findings"]);
  CHECK(found.at("a.py")["line"] == 1);
  CHECK(found.at("a.py")["migrate_to"]["variable"] == "KEY");
  CHECK(found.at("gone.py")["line"] == 2);
  CHECK(found.at("gone.py")["found_in"] == "history");
  CHECK(found.at("gone.py")["commit"] == repository.line({"rev-parse", "main~1"}));
  CHECK(found.at("b.bin")["offset"] == 3);
  CHECK(found.at("side.py")["commit"] == repository.line({"rev-parse", "refs/odd/place"}));
  const auto written = everything_written(ws);
  for (int number = 2; number <= 7; ++number)
    CHECK(written.find(planted(number)) == std::string::npos);
}

TEST_CASE("a name that only history has is searched though its content stands in the tree") {
  temporary_workspace ws;
  auto repository = ws.start("app");
  ws.write("app/a/" + planted(2) + ".txt", "the same\n"); // Git names this by its newest path.
  ws.commit("app", "first");
  ws.write("app/b.txt", "the same\n");
  fs::remove(ws.root + "/app/a/" + planted(2) + ".txt");
  ws.commit("app", "second");
  repository.output({"checkout", "-q", "-b", "newest", "main~1"});
  repository.set_environment("GIT_COMMITTER_DATE=4000000000 +0000");
  repository.output({"commit", "-q", "--allow-empty", "-m", "third"});
  repository.output({"checkout", "-q", "main"});
  const auto secrets = run_security(ws, "secrets-migration");
  REQUIRE(secrets["secrets_total"] == 1);
  CHECK(secrets["findings"][0]["path"] == "a/[secret].txt");
}

TEST_CASE("a name in the tree is one place, whatever its file held before") {
  temporary_workspace ws;
  ws.start("app");
  for (const auto* content : {"1\n", "2\n", "3\n"}) {
    ws.write("app/" + planted(2) + ".txt", content);
    ws.commit("app", content);
  }
  const auto secrets = run_security(ws, "secrets-migration");
  REQUIRE(secrets["secrets_total"] == 1);
  CHECK(secrets["findings"][0]["places_total"] == 1);
}

TEST_CASE("secrets in names, link targets and the headers of commits are found") {
  temporary_workspace ws;
  auto repository = ws.start("app");
  ws.write("app/" + planted(2) + ".txt", "x\n");
  ws.write("app/" + planted(3) + ".txt", "y\n");
  fs::create_symlink("nowhere/" + planted(4), ws.root + "/app/link");
  ws.commit("app", "first");
  fs::remove(ws.root + "/app/" + planted(3) + ".txt");
  ws.commit("app", "second\n\nline 3 has " + planted(5));
  repository.output({"branch", "-q", "fix-" + planted(6)});
  repository.set_environment("GIT_AUTHOR_NAME=A " + planted(7));
  repository.output({"commit", "-q", "--allow-empty", "-m", "by whom"});
  repository.output({"update-index", "--add", "--cacheinfo",
                     "160000," + repository.line({"rev-parse", "HEAD"}) + ",sub"});
  repository.output({"commit", "-q", "-m", "a submodule"});
  const auto secrets = run_security(ws, "secrets-migration");
  std::map<std::string, ordered> found;
  for (const auto& item : secrets["findings"])
    found[item["found_in"].get<std::string>() + (item.contains("object") ? " once" : "")] = item;
  CHECK(secrets["secrets_total"] == 6);
  CHECK(secrets["in_tree"] == 2);
  CHECK(found.at("file name")["path"] == "[secret].txt");
  CHECK(found.contains("file name once"));
  CHECK(found.at("link target")["path"] == "link");
  CHECK_FALSE(found.at("link target").contains("line"));
  CHECK(found.at("commit message once")["line"] == 3);
  CHECK(found.at("commit header once")["line"] == 3);
  CHECK(found.at("name of a branch or tag once")["object"] == "refs/heads/fix-[secret]");
  REQUIRE(secrets["not_scanned"].size() == 1);
  CHECK(secrets["not_scanned"][0]["path"] == "sub");
  const auto written = secrets.dump();
  for (int number = 2; number <= 7; ++number)
    CHECK(written.find(planted(number)) == std::string::npos);
}

TEST_CASE("versions of a file with the same secret are one finding with all its places") {
  temporary_workspace ws;
  ws.start("app");
  for (int i = 0; i < 3; ++i) {
    ws.write("app/a.py",
             std::string(static_cast<std::size_t>(i), '\n') + "K = '" + planted(2) + "'\n");
    ws.commit("app", "version");
  }
  const auto secrets = run_security(ws, "secrets-migration");
  CHECK(secrets["secrets_total"] == 1);
  CHECK(secrets["findings"][0]["places_total"] == 3);
  CHECK(secrets["findings"][0]["line"] == 3);
}

TEST_CASE("keys of tests weigh little, accepted findings are listed apart with their reason") {
  temporary_workspace ws;
  ws.start("app");
  const std::string body(64, 'k');
  const std::string begin = "-----BEGIN EC PRIVATE";
  ws.write("app/tests/server.key", begin + " KEY-----\n" + body + "\n");
  ws.write("app/old.py", "K = '" + planted(2) + "'\n");
  ws.commit("app", "first");
  ws.context.config.security.accepted.push_back({"aws-*", "app", "old.py", "revoked years ago"});
  const auto secrets = run_security(ws, "secrets-migration");
  CHECK(secrets["findings_total"] == 1);
  CHECK(secrets["findings"][0]["severity"] == "low");
  CHECK(secrets["accepted_total"] == 1);
  CHECK(secrets["accepted"][0]["accepted_because"] == "revoked years ago");
}

TEST_CASE("a webhook is validated by what its own handler calls, not by what others do") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/main.go", signed_go);
  ws.commit("app", "first");
  const auto whatsapp = run_security(ws, "webhook-validation-whatsapp");
  CHECK(whatsapp["endpoints_total"] == 1);
  CHECK(whatsapp["validated"] == 1);
  CHECK(whatsapp["endpoints"][0]["signature_check"]["line"] == 13);
  const auto n8n = run_security(ws, "webhook-validation-n8n");
  CHECK(n8n["unvalidated"] == 1);
  CHECK(n8n["findings"][0]["severity"] == "critical");
  CHECK(n8n["findings"][0]["line"] == 5);
  const auto limits = run_security(ws, "rate-limiting");
  CHECK(limits["protected"] == 2);
  CHECK(limits["unprotected"] == 1); // orders; health is public
  CHECK(limits["findings"][0]["line"] == 6);
  const auto auth = run_security(ws, "auth-implementation");
  CHECK(auth["findings_total"] == 1);
  CHECK(auth["findings"][0]["rule"] == "no-authentication");
}

TEST_CASE("express, flask and n8n workflows are judged too") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/a.js", "app.use(rateLimit({ max: 10 }));\n"
                       "app.post('/webhook/whatsapp', (req, res) => {\n  save(req.body);\n});\n"
                       "app.get('/orders', requireAuth, (req, res) => {});\n"
                       "app.use(cors());\n// app.use(cors());\n");
  ws.write("app/b.py", "@app.route('/hooks/n8n', methods=['POST'])\ndef n8n_hook():\n"
                       "    if not hmac.compare_digest(a, b):\n        abort(403)\n");
  ws.write("app/flow.json", "{\"nodes\": [\n {\"type\": \"n8n-nodes-base.webhook\",\n"
                            "  \"parameters\": {\"authentication\": \"headerAuth\"}},\n"
                            " {\"type\": \"n8n-nodes-base.webhook\", \"parameters\": {}}]}\n");
  ws.commit("app", "first");
  CHECK(run_security(ws, "webhook-validation-whatsapp")["unvalidated"] == 1);
  const auto n8n = run_security(ws, "webhook-validation-n8n");
  CHECK(n8n["validated"] == 1);
  CHECK(n8n["workflows_checked"] == 1);
  CHECK(n8n["findings"].size() == 1);
  CHECK(n8n["findings"][0]["line"] == 4);
  const auto cors = run_security(ws, "cors-config");
  CHECK(cors["permissive"] == 1);
  CHECK(cors["findings"][0]["line"] == 6);
  const auto limits = run_security(ws, "rate-limiting");
  CHECK(limits["unprotected"] == 1); // That of flask: a limit of express is none for it.
  CHECK(limits["protected_by_middleware"] == 2);
  CHECK(limits["endpoints"][0]["rate_limit"]["through"] == "middleware");
  CHECK(limits["not_measured"].size() == 1);
  const auto auth = run_security(ws, "auth-implementation");
  CHECK(auth["protected_by_middleware"] == 0);
  CHECK(auth["not_measured"].size() == 1); // Of those by their own lines.
}

TEST_CASE("what stands in a handler counts as a guard, and that it was not tried is said") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/a.js", "app.get('/x', requireAuth, f);\n");
  ws.commit("app", "first");
  const auto auth = run_security(ws, "auth-implementation");
  CHECK(auth["protected"] == 1);
  REQUIRE(auth["not_measured"].size() == 1);
  CHECK(auth["not_measured"][0].get<std::string>().find("was not tried") != std::string::npos);
}

TEST_CASE("a guard of the same name in another language guards nothing") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/a.py", "@app.route('/orders', methods=['POST'])\ndef add():\n    provide(order)\n");
  ws.write("app/B.java", "class B {\n  void provide(Order o) {\n    checkToken(o);\n  }\n}\n");
  ws.commit("app", "first");
  CHECK(run_security(ws, "auth-implementation")["unprotected"] == 1);
  ws.write("app/c.py", "def provide(order):\n    check_token(order)\n");
  ws.commit("app", "second");
  const auto auth = run_security(ws, "auth-implementation");
  CHECK(auth["unprotected"] == 0);
  CHECK(auth["endpoints"][0]["authentication"]["through"] == "handler");
}

TEST_CASE("what guards the next endpoint, or is only text, guards none before it") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/a.py", "@app.post('/transfer')\ndef transfer(amount):\n    return amount\n\n"
                       "@app.get('/admin')\n@limiter.limit('5/minute')\n"
                       "def admin(user=Depends(get_current_user)):\n    return user\n\n"
                       "def transfer_text():\n    return 'authorization failed'\n");
  ws.write("app/b.py", "@app.route('/pay', methods=['POST'])\ndef take():\n    return 1\n\n"
                       "def pay():\n    return 'authorization failed'\n");
  ws.write("app/C.java", "class C {\n  @GetMapping(\"/open\")\n  public String open() {\n"
                         "    return text;\n  }\n\n  @PreAuthorize(\"isAuthenticated()\")\n"
                         "  @GetMapping(\"/closed\")\n  public String closed() {\n"
                         "    return text;\n  }\n}\n");
  ws.commit("app", "first");
  const auto auth = run_security(ws, "auth-implementation");
  std::map<std::string, bool> guarded;
  for (const auto& item : auth["endpoints"])
    guarded[item["route"]] = item["authentication"].contains("line");
  const std::map<std::string, bool> expected{
      {"/transfer", false}, {"/admin", true}, {"/pay", false}, {"/open", false}, {"/closed", true}};
  CHECK(guarded == expected);
  CHECK(run_security(ws, "rate-limiting")["protected"] == 1);
}

TEST_CASE("a middleware guards what it is put before, no other language or router") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/a.py", "@app.route('/wipe', methods=['POST'])\ndef wipe():\n    return 1\n");
  ws.write("app/site.js",
           "app.post('/early', f);\napp.use('/private', passport.authenticate('jwt'));\n"
           "app.post('/private/x', f);\napp.post('/open', f);\n");
  ws.write("app/r.py", "closed = APIRouter(dependencies=[Depends(get_current_user)])\n"
                       "other = APIRouter()\n\n@closed.post('/in')\ndef a():\n    return 1\n\n"
                       "@other.post('/out')\ndef b():\n    return 1\n");
  ws.commit("app", "first");
  const auto auth = run_security(ws, "auth-implementation");
  std::map<std::string, bool> guarded;
  for (const auto& item : auth["endpoints"])
    guarded[item["route"]] = item["authentication"].contains("line");
  const std::map<std::string, bool> expected{{"/wipe", false},     {"/early", false},
                                             {"/private/x", true}, {"/open", false},
                                             {"/in", true},        {"/out", false}};
  CHECK(guarded == expected);
}

namespace {

/// `METHOD ROUTE@LINE`, sorted by line, of a file that is all of a repository.
std::string endpoints_in(const std::string& name, const std::string& text) {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/" + name, text);
  ws.commit("app", "first");
  std::string shown;
  const auto auth = run_security(ws, "auth-implementation");
  for (const auto& item : auth["endpoints"]) {
    shown += shown.empty() ? "" : " ";
    shown += item["method"].get<std::string>() + " " + item["route"].get<std::string>() + "@"
             + std::to_string(item["line"].get<int>());
  }
  return shown;
}

/// How many of the endpoints of that text ask who calls.
std::size_t guarded_in(const std::string& name, const std::string& text) {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/" + name, text);
  ws.commit("app", "first");
  return run_security(ws, "auth-implementation")["protected"].get<std::size_t>();
}

/// Every route of these files, and whether it asks who calls; `limited` for those with a limit.
std::map<std::string, bool> routes_in(const std::vector<std::pair<std::string, std::string>>& files,
                                      const std::string& step = "auth-implementation",
                                      const std::string& key = "authenticated") {
  temporary_workspace ws;
  ws.start("app");
  for (const auto& [name, text] : files)
    ws.write("app/" + name, text);
  ws.commit("app", "first");
  std::map<std::string, bool> shown;
  const auto document = run_security(ws, step);
  for (const auto& item : document["endpoints"])
    shown[item["route"]] = item[key].get<bool>();
  return shown;
}

} // namespace

TEST_CASE("endpoints are found whatever shape their registration has") {
  CHECK(endpoints_in("a.js", "app.post(\n  '/a',\n  requireAuth,\n  f,\n);\nx = 1;\n")
        == "POST /a@1");
  CHECK(endpoints_in("a.js", "router.route('/b').get(f).post(g, (x) => y(x));\n")
        == "GET /b@1 POST /b@1");
  CHECK(endpoints_in("a.js", "router\n  .route('/b/:id')\n  .get(f)\n  .delete(auth, g);\n")
        == "GET /b/:id@3 DELETE /b/:id@4");
  CHECK(endpoints_in("a.js", "const r = express.Router();\nconst c = new Map();\n"
                             "r.get('/c', f);\nc.get('/key', f);\n")
        == "GET /c@3");
  CHECK(endpoints_in("a.py", "@app.post(path=\"/d\")\ndef d():\n    return 1\n") == "POST /d@1");
  CHECK(endpoints_in("a.py", "@v1.get(\n    \"/e\",\n    response_model=E,\n)\ndef e():\n"
                             "    return 1\n")
        == "GET /e@1");
  CHECK(endpoints_in("a.py", "app.add_url_rule('/f', view_func=f, methods=['POST'])\n"
                             "app.add_url_rule('/g', 'g', g)\n")
        == "POST /f@1 GET /g@2");
  CHECK(endpoints_in("a.py", "@app.route('/h',\n           methods=['PUT'])\ndef h():\n    pass\n")
        == "PUT /h@1");
  CHECK(endpoints_in("a.ts", "@Controller('cats')\nexport class Cats {\n  @Get()\n  all() {}\n"
                             "  @Post('new')\n  add() {}\n}\n")
        == "GET /cats@3 POST /cats/new@5");
  CHECK(endpoints_in("a.ts", "// @Controller('a')\n/*\n@Controller('b');\n*/\n"
                             "@Controller('dogs') // @Controller('c')\n// class of dogs;\n"
                             "export class Dogs {\n  // class of one\n  @Get()\n  all() {}\n}\n")
        == "GET /dogs@9");
  CHECK(endpoints_in("a.ts", "use(@Controller('a'),\n@Controller('b')\nexport class C {\n"
                             "  @Get()\n  all() {}\n}\n")
        == "GET /b@4");
  CHECK(endpoints_in("A.java", "@RestController\n@RequestMapping(\"/api\")\nclass A {\n"
                               "  @DeleteMapping(\"/x/{id}\")\n  void a() {}\n"
                               "  @PatchMapping\n  void b() {}\n"
                               "  @RequestMapping(method = RequestMethod.PUT, value = \"y\")\n"
                               "  void c() {}\n  @PostMapping(path = \"/z\")\n  void d() {}\n}\n")
        == "DELETE /api/x/{id}@4 PATCH /api@6 PUT /api/y@8 POST /api/z@10");
  CHECK(endpoints_in("A.kt", "import x.RequestMapping;\n\n@RestController\n@RequestMapping(\n"
                             "    value = [\"/api/b\"],\n    produces = [\"a/b\"]\n)\n"
                             "open class B {\n  @GetMapping(\"/c\")\n  fun c() = 1\n}\n")
        == "GET /api/b/c@9");
  CHECK(endpoints_in("a.go", "func f() {\n\tr := gin.Default()\n\tr.Any(\"/i\", g)\n"
                             "\tr.Handle(\"PUT\", \"/j\", g)\n"
                             "\tm.HandleFunc(\"/k\", g).Methods(\"POST\")\n}\n")
        == "any /i@3 PUT /j@4 POST /k@5");
  CHECK(endpoints_in("urls.py", "urlpatterns = [\n    path(\n        'l/', views.l),\n"
                                "    re_path(r'^m/$', views.m),\n]\n")
        == "any l/@2 any m/$@4");
}

TEST_CASE("a word that only looks like authentication guards nothing") {
  const auto guarded = [](const std::string& body) {
    return guarded_in("a.py", "@app.get('/x')\ndef x(request):\n    " + body + "\n");
  };
  CHECK(guarded("api_token_total.inc()") == 0);
  CHECK(guarded("return {'api_key_count': n}") == 0);
  CHECK(guarded("return render('authentication failed')") == 0);
  CHECK(guarded("x = 1  # ask for authentication later") == 0);
  CHECK(guarded("return message('use a bearer token')") == 0);
  CHECK(guarded("remote_user_agent = 1") == 0);
  CHECK(guarded("check_token(request)") == 1);
  CHECK(guarded("if request.headers['X-API-Key'] != KEY: abort(401)") == 1);
  CHECK(guarded("if request.headers.get('Authorization') != f'Bearer {KEY}': abort(401)") == 1);
  CHECK(guarded("user = get_current_user(request)") == 1);
  CHECK(guarded("verify_api_key(request)") == 1);
  CHECK(guarded("api_key = request.args['key']; same(api_key)") == 1);
  const auto in_go = [](const std::string& body) {
    return guarded_in("a.go", "func f() {\n\tr.GET(\"/x\", func(c *gin.Context) {\n\t\t" + body
                                  + "\n\t})\n}\n");
  };
  CHECK(in_go("apiTokenTotal.Inc()") == 0);
  CHECK(in_go("apiToken := c.GetHeader(\"X-Token\")") == 1);
}

TEST_CASE("a middleware that only tells Django who calls guards nothing") {
  const auto views = "def transfer(request):\n    return move(request)\n";
  const auto urls = "urlpatterns = [\n    path('transfer/', views.transfer),\n]\n";
  const std::map<std::string, bool> open{{"transfer/", false}};
  CHECK(routes_in({{"s/settings.py", "MIDDLEWARE = [\n    'django.contrib.auth.middleware."
                                     "AuthenticationMiddleware',\n]\n"},
                   {"s/views.py", views},
                   {"s/urls.py", urls}})
        == open);
  CHECK(routes_in({{"s/checks.py", "def check():\n    fail(\n        \"'django.contrib.auth."
                                   "middleware.LoginRequiredMiddleware' must be in MIDDLEWARE\"\n"
                                   "    )\n"},
                   {"s/views.py", views},
                   {"s/urls.py", urls}})
        == open);
}

TEST_CASE("Django's views are guarded by what refuses others") {
  const std::string views = "@login_required\ndef mine(request):\n    return 1\n\n\n"
                            "def yours(request):\n    return 1\n\n\n"
                            "@login_not_required\ndef sign_in(request):\n    return 1\n\n\n"
                            "class Orders(LoginRequiredMixin, View):\n    pass\n\n\n"
                            "class Api(APIView):\n    permission_classes = [IsAuthenticated]\n\n\n"
                            "class Free(APIView):\n    permission_classes = [AllowAny]\n\n\n"
                            "class Plain(APIView):\n    pass\n";
  const std::string urls =
      "urlpatterns = [\n    path('a', views.mine),\n    path('b', views.yours),\n"
      "    path('c', views.sign_in),\n    path('d', views.Orders.as_view()),\n"
      "    path('e', views.Api.as_view()),\n    path('f', views.Free.as_view()),\n"
      "    path('g', views.Plain.as_view()),\n]\n";
  const auto with = [&](const std::string& settings) {
    std::string guarded;
    for (const auto& [route, is] :
         routes_in({{"s/settings.py", settings}, {"s/views.py", views}, {"s/urls.py", urls}}))
      guarded += is ? route : "";
    return guarded;
  };
  CHECK(with("") == "ade");
  CHECK(with("MIDDLEWARE = [\n    'a.B',\n    'django.contrib.auth.middleware."
             "LoginRequiredMiddleware',\n]\n")
        == "abdefg");
  CHECK(with("REST_FRAMEWORK = {\n    'DEFAULT_PERMISSION_CLASSES': [\n"
             "        'rest_framework.permissions.IsAuthenticated',\n    ],\n}\n")
        == "adeg");
  CHECK(with("REST_FRAMEWORK = {\n    'DEFAULT_PERMISSION_CLASSES': [\n"
             "        'rest_framework.permissions.AllowAny',\n    ],\n}\n")
        == "ade");
}

TEST_CASE("what is switched off guards nothing") {
  const auto view = [](const std::string& setting) {
    return routes_in(
        {{"p/views.py",
          "class V(APIView):\n    " + setting + "\n    def get(self, request):\n        pass\n"},
         {"p/urls.py", "from p.views import V\nurlpatterns = [path('v', V.as_view())]\n"}});
  };
  const auto guarded = [&](const std::string& setting) {
    const auto all = view(setting);
    return all.size() == 1 && all.begin()->second;
  };
  CHECK_FALSE(guarded("authentication_classes = []"));
  CHECK_FALSE(guarded("authentication_classes = ()"));
  CHECK(guarded("permission_classes = [IsAuthenticated]"));
}

TEST_CASE("setting up passport or a session asks nobody") {
  const auto behind = [](const std::string& middleware) {
    return guarded_in("a.js", "app.use(" + middleware + ");\napp.get('/x', f);\n");
  };
  CHECK(behind("passport.initialize()") == 0);
  CHECK(behind("passport.session()") == 0);
  CHECK(behind("passport.authenticate('session')") == 0);
  CHECK(behind("session({ secret: key })") == 0);
  CHECK(behind("passport.authenticate('jwt', { session: false })") == 1);
}

TEST_CASE("what is only said or sent guards nothing") {
  const auto in_python = [](const std::string& body) {
    return guarded_in("a.py", "@app.get('/x')\ndef x(request):\n    " + body + "\n");
  };
  CHECK(in_python("return {\"www-authenticate\": \"none\"}") == 0);
  CHECK(in_python("return 'authenticated'") == 0);
  CHECK(in_python("authorized = False") == 0);
  CHECK(in_python("post(url, headers={'Authorization': f'Bearer {KEY}'})") == 0);
  CHECK(in_python("if token != request.headers['Authorization']: abort(401)") == 1);
  const auto in_express = [](const std::string& body) {
    return guarded_in("a.js", "app.get('/x', (req, res) => {\n  " + body + "\n});\n");
  };
  CHECK(in_express("const found = { author: 1, authorized: false };") == 0);
  CHECK(in_express("res.send('authorized');") == 0);
  CHECK(in_express("res.setHeader('WWW-Authenticate', scheme);") == 0);
  CHECK(in_express("await fetch(u, { headers: { 'x-api-key': process.env.KEY } });") == 0);
  CHECK(in_express("axios.defaults.headers.common['x-api-key'] = key;") == 0);
  CHECK(in_python("token = jwt.encode(claims, KEY)") == 0);
  CHECK(in_express("await post(url, { headers: { Authorization: token } });") == 0);
  CHECK(in_express("const { authorization: token } = req.headers;") == 1);
  CHECK(in_express("if (!authorized(req)) return res.status(403).end();") == 1);
}

TEST_CASE("a middleware of another file guards what is mounted behind it, no more") {
  const std::string router =
      "const r = express.Router();\nr.get('/one', f);\nmodule.exports = r;\n";
  const auto guarded = [&](const std::string& index, const std::string& other) {
    return routes_in({{"index.js", "const app = express();\n" + index}, {"other.js", other}})
        .at("/one");
  };
  CHECK_FALSE(guarded("app.use(requireAuth);\n", router));
  CHECK_FALSE(guarded("app.use(requireAuth);\n", "const app = express();\napp.get('/one', f);\n"));
  CHECK(guarded("app.use(requireAuth);\napp.use('/x', require('./other'));\n", router));
  CHECK(guarded("const o = require('./other');\napp.use('/x', requireAuth, o);\n", router));
  CHECK(guarded("import o from './other.js';\napp.use('/x', requireAuth);\napp.use('/x/y', o);\n",
                router));
  CHECK_FALSE(
      guarded("const o = require('./other');\napp.use('/x', o);\napp.use(requireAuth);\n", router));
  CHECK_FALSE(
      guarded("app.use('/x', requireAuth);\napp.use('/xy', require('./other'));\n", router));
  CHECK_FALSE(guarded("const o = require('./other');\napp.use('/free', o);\napp.use(requireAuth);\n"
                      "app.use('/x', o);\n",
                      router));
  CHECK(guarded("app.use(requireAuth);\nrequire('./other')(app);\n",
                "module.exports = (app) => {\n  app.get('/one', f);\n};\n"));
  CHECK(guarded("app.use(requireAuth);\nmodule.exports = app;\n",
                "const app = require('./index');\napp.get('/one', f);\n"));
}

TEST_CASE("a middleware guards what its own object registers after it, in its block") {
  const auto guarded = [](const std::string& name, const std::string& text) {
    std::string all;
    for (const auto& [route, is] : routes_in({{name, text}}))
      all += is ? route : "";
    return all;
  };
  CHECK(guarded("a.js",
                "admin.app.use(requireAuth);\nconst app = express();\nconst b = express();\n"
                "b.use(requireAuth);\napp.get('/a', f);\nb.get('/b', f);\n")
        == "/b");
  CHECK(
      guarded("a.js", "app.use('/in', requireAuth);\napp.get('/in/a', f);\napp.get('/inner', f);\n")
      == "/in/a");
  CHECK(guarded("a.js", "app.use(['/in', '/too'], requireAuth);\napp.get('/in/a', f);\n"
                        "app.get('/too', f);\napp.get('/out', f);\n")
        == "/in/a/too");
  CHECK(guarded("a.js", "app.use(PRIVATE, requireAuth);\napp.get('/a', f);\n").empty());
  CHECK(guarded("a.go",
                "func f() {\n\tr := gin.Default()\n\tapi := r.Group(\"/api\")\n"
                "\tapi.Use(requireAuth())\n\tapi.GET(\"/in\", g)\n\tr.GET(\"/out\", g)\n}\n")
        == "/in");
  CHECK(guarded("a.go", "func f() {\n\tr := chi.NewRouter()\n\tr.Group(func(r chi.Router) {\n"
                        "\t\tr.Use(requireAuth)\n\t\tr.Get(\"/in\", g)\n\t})\n"
                        "\tr.Get(\"/out\", g)\n}\n")
        == "/in");
  CHECK(guarded("a.go", "func f() {\n\tr := gin.Default()\n\tr.Use(requireAuth())\n"
                        "\tapi := r.Group(\"/api\")\n\tapi.GET(\"/in\", g)\n}\n")
        == "/in");
  CHECK(guarded("a.py", "app = FastAPI()\n\n@app.get('/in', dependencies=[Depends(require_user)])\n"
                        "def a():\n    return 1\n\n@app.get('/out')\ndef b():\n    return 1\n")
        == "/in");
}

TEST_CASE("dependencies of FastAPI guard what is included with them") {
  const std::string users = "router = APIRouter()\n\n@router.get('/one')\ndef a():\n    return 1\n";
  const auto guarded = [&](const std::string& main) {
    return routes_in({{"app/main.py", main}, {"app/users.py", users}}).at("/one");
  };
  CHECK(
      guarded("from app.users import router\napp = FastAPI(dependencies=[Depends(require_user)])\n"
              "app.include_router(router)\n"));
  CHECK(guarded("from . import users\n"
                "app.include_router(users.router, dependencies=[Depends(require_user)])\n"));
  CHECK_FALSE(guarded("from . import users, other\napp.include_router(users.router)\n"
                      "app.include_router(other.router, dependencies=[Depends(require_user)])\n"));
  CHECK_FALSE(guarded("app = FastAPI(\n    dependencies=[Depends(require_user)],\n)\n"));
}

TEST_CASE("a function that is handed a guarded router registers guarded routes") {
  const std::string routes =
      "package a\n\nfunc register(r *gin.Engine) {\n\tr.GET(\"/one\", g)\n}\n";
  const auto guarded = [&](const std::string& body) {
    return routes_in(
               {{"main.go", "package a\n\nfunc main() {\n" + body + "}\n"}, {"routes.go", routes}})
        .at("/one");
  };
  CHECK(guarded("\tr.Use(requireAuth())\n\tregister(r)\n"));
  CHECK_FALSE(guarded("\tregister(r)\n\tr.Use(requireAuth())\n"));
  CHECK_FALSE(guarded("\tr.Use(requireAuth())\n"));
}

TEST_CASE("Spring's filter chain guards what it does not permit to all") {
  const std::string controller = "@RestController\nclass A {\n  @GetMapping(\"/open/a\")\n"
                                 "  void a() {}\n  @GetMapping(\"/closed\")\n  void b() {}\n}\n";
  const auto guarded = [&](const std::string& rules) {
    std::string all;
    for (const auto& [route, is] : routes_in(
             {{"A.java", controller},
              {"Config.java", "class Config {\n  @Bean\n  public SecurityFilterChain filterChain("
                              "HttpSecurity http) {\n    http.authorizeHttpRequests(a -> a\n"
                              "        "
                                  + rules + ");\n    return http.build();\n  }\n}\n"}}))
      all += is ? route : "";
    return all;
  };
  CHECK(guarded(".requestMatchers(\"/open/**\").permitAll()\n        .anyRequest().authenticated()")
        == "/closed");
  CHECK(
      guarded(".requestMatchers(OPEN).permitAll()\n        .anyRequest().authenticated()").empty());
  CHECK(guarded(".requestMatchers(\"/x\").authenticated()\n        .anyRequest().permitAll()")
            .empty());
}

TEST_CASE("what may be guarded from another file is named, not counted") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/index.js", "const app = express();\napp.use(requireAuth);\n");
  ws.write("app/other.js",
           "const r = express.Router();\nr.post('/one', f);\nmodule.exports = r;\n");
  ws.commit("app", "first");
  const auto auth = run_security(ws, "auth-implementation");
  CHECK(auth["protected"] == 0);
  CHECK(auth["endpoints"][0]["may_be_guarded_by"]["line"] == 2);
  CHECK(auth["not_measured"].size() == 1);
  const auto message = auth["findings"][0]["message"].get<std::string>();
  CHECK(message.find("index.js:2") != message.npos);
}

TEST_CASE("a rate limit of one path or file limits no other") {
  const std::map<std::string, bool> expected{
      {"/login", true}, {"/pay", false}, {"/transfer", false}, {"/echo", false}};
  CHECK(routes_in(
            {{"index.js", "const app = express();\napp.use(\"/login\", rateLimit({ max: 5 }));\n"
                          "app.post(\"/login\", f);\napp.post(\"/pay\", f);\n"},
             {"other.js", "const r = express.Router();\nr.post(\"/transfer\", f);\n"
                          "r.post(\"/echo\", f);\nmodule.exports = r;\n"}},
            "rate-limiting", "rate_limited")
        == expected);
}

TEST_CASE("a signature that is computed and compared with nothing checks nobody") {
  const auto finding = [](const std::string& name, const std::string& text) {
    temporary_workspace ws;
    ws.start("app");
    ws.write("app/" + name, text);
    ws.commit("app", "first");
    const auto found = run_security(ws, "webhook-validation-n8n");
    CHECK(found["endpoints_total"] == 1);
    return found["findings"].empty() ? "" : found["findings"][0]["severity"].get<std::string>();
  };
  const auto in_express = [&](const std::string& body, const std::string& more = "") {
    return finding("a.js", "app.post('/webhook/n8n', (req, res) => {\n" + body + "});\n" + more);
  };
  const std::string made = "  const h = createHmac('sha256', k).update(req.body).digest('hex');\n";
  CHECK(in_express(made + "  console.log(h);\n  res.send('ok');\n") == "critical");
  CHECK(in_express(made + "  if (h.length !== 64 || h === null) return;\n") == "critical");
  CHECK(in_express(made + "  if (req.body.kind === 'a') return;\n") == "critical");
  CHECK(in_express(made + "  if (h !== req.get('x-signature')) return;\n") == "medium");
  CHECK(in_express(made + "  if (!timingSafeEqual(h, sent)) return;\n").empty());
  CHECK(in_express("  const own = sign(req);\n  if (own != req.get('x-signature')) return;\n",
                   "function sign(req) {\n  const mac = createHmac('sha256', k);\n"
                   "  mac.update(req.body);\n  return mac.digest('hex');\n}\n")
        == "medium");
  CHECK(in_express("  res.send(sign(req));\n",
                   "function sign(req) {\n  return createHmac('sha256', k).digest('hex');\n}\n")
        == "critical");
  CHECK(in_express("  verifySignature(req);\n") == "medium");
  CHECK(in_express("  verifySignature(req);\n", "function verifySignature(req) {\n  log(req);\n}\n")
        == "critical");
  CHECK(finding("a.go", "func f() {\n\thttp.HandleFunc(\"/hooks/n8n\", hook)\n}\n\n"
                        "func hook(w W, r *R) {\n\tmac := hmac.New(sha256.New, key)\n"
                        "\tn, err := mac.Write(body)\n\tif err != nil {\n\t\treturn\n\t}\n}\n")
        == "critical");
  CHECK(finding("a.py", "@app.post('/hooks/n8n')\ndef hook(request):\n"
                        "    own = hmac.new(key, body, sha256).hexdigest()\n"
                        "    if own != request.headers['x-signature']:\n        abort(403)\n")
        == "medium");
}

TEST_CASE("a list of origins over several lines is read") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/a.py", "app.add_middleware(\n    CORSMiddleware,\n    allow_origins=[\n"
                       "        \"*\",\n    ],\n)\n");
  ws.write("app/b.py",
           "app.add_middleware(\n    CORSMiddleware,\n    allow_origins=[\n"
           "        \"https://shop.example\",\n    ],\n    allow_methods=[\"*\"],\n)\n");
  ws.write("app/c.py", "f(\n    allow_origins=[\n        'https://shop.example',\n        '*',\n"
                       "    ],\n)\n");
  ws.commit("app", "first");
  const auto cors = run_security(ws, "cors-config");
  CHECK(cors["permissive"] == 2);
  const auto found = by_path(cors["findings"]);
  CHECK(found.at("a.py")["line"] == 3);
  CHECK(found.at("c.py")["line"] == 2);
}

TEST_CASE("a webhook that only reads the signature does not check it") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/a.py",
           "@app.post('/whatsapp/webhook')\ndef hook(request):\n"
           "    sig = request.headers.get('X-Hub-Signature-256')\n    return use(request)\n");
  ws.commit("app", "first");
  const auto found = run_security(ws, "webhook-validation-whatsapp");
  CHECK(found["validated"] == 0);
  CHECK(found["findings"][0]["severity"] == "critical");
}

TEST_CASE("what a comment of several lines says is neither a call nor a guard") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/a.py", "@app.route('/orders', methods=['POST'])\ndef add():\n"
                       "    \"\"\"Takes an order.\n\n    Callers should check_token(order) first:\n"
                       "    >>> eval(order)\n    \"\"\"\n    save(order)\n");
  ws.write("app/b.js", "/*\n  app.get('/old', requireAuth, f);\n  eval(f);\n*/\n"
                       "app.get('/new', f);\n");
  ws.commit("app", "first");
  const auto auth = run_security(ws, "auth-implementation");
  CHECK(auth["endpoints_total"] == 2);
  CHECK(auth["unprotected"] == 2);
  run_all(ws);
  const auto audit = run_security(ws, "security-audit-report");
  CHECK(audit["sources"][0]["source"] == "risky calls");
  CHECK(audit["sources"][0]["findings"] == 0);
}

TEST_CASE("the report holds every finding of its parts, and the summary counts them") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/a.py", "import os\nos.system(x)\n# os.system(y)\nyaml.load(z)\n");
  ws.write("app/tests/test_a.py", "os.system(x)\n");
  ws.write("app/c.c", "void f(char *a, char *b) {\n  strcpy(a, b);\n}\n");
  ws.write("app/notes.txt", "text\n");
  ws.write("app/open.txt", "text\n");
  ::chmod((ws.root + "/app/notes.txt").c_str(), 0755);
  ::chmod((ws.root + "/app/open.txt").c_str(), 0666);
  ws.write("app/key.py", "K = '" + planted(2) + "'\n");
  ws.commit("app", "first");
  const auto summary = run_all(ws);
  const auto report = ordered::parse(ws.read("consolidation/security/security_audit_report.json"));
  std::size_t from_parts = 0;
  for (const auto& item : report["sources"])
    from_parts += item["findings"].get<std::size_t>();
  CHECK(from_parts == report["findings_total"]);
  CHECK(report["findings"].size() == report["findings_total"]);
  std::size_t sum = 0;
  for (const auto* severity : {"critical", "high", "medium", "low"})
    sum += summary[severity].get<std::size_t>();
  CHECK(sum == report["findings_total"]);
  CHECK(summary["by_rule"]["python-shell"] == 2);
  CHECK(summary["by_rule"]["python-yaml-load"] == 1);
  CHECK(summary["by_rule"]["c-unbounded-copy"] == 1);
  CHECK(summary["by_rule"]["executable-data"] == 1);
  CHECK(summary["by_rule"]["world-writable"] == 1);
  CHECK(summary["critical"] == 1);
  for (const auto& item : report["findings"]) {
    CHECK(item["advice"].get<std::string>().size() > 3);
    if (!item.contains("line"))
      continue;
    const auto text = ws.read("app/" + item["path"].get<std::string>());
    CHECK(item["line"].get<std::size_t>() <= split(text, '\n').size());
  }
}

TEST_CASE("a webhook without a rule is not measured, and neither is the number of critical ones") {
  temporary_workspace ws;
  ws.start("app");
  ws.commit("app", "first");
  std::erase_if(ws.context.config.security.webhooks, [](const auto& w) { return w.id == "n8n"; });
  const auto summary = run_all(ws);
  CHECK(summary["critical"]["status"] == "not_measured");
}
