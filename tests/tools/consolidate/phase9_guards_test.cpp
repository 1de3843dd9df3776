#include "tests/tools/consolidate/security_step.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <utility>
#include <vector>

using namespace aeo::consolidate;
using namespace aeo::consolidate::test;

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

TEST_CASE("what stands in a handler counts as a guard, and that it was not tried is said") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/a.js", "app.get('/x', requireAuth, f);\n");
  ws.commit("app", "first");
  const auto auth = run_security(ws, "auth-implementation");
  CHECK(auth["protected"] == 1);
  REQUIRE(auth["not_measured"].size() == 1);
  CHECK(auth["not_measured"][0].get<std::string>().find("read and not tried") != std::string::npos);
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
  CHECK(guarded("user = get_current_user(request)") == 0);
  CHECK(guarded("verify_api_key(request)") == 1);
  CHECK(guarded("api_key = request.args['key']; same(api_key)") == 0);
  const auto in_go = [](const std::string& body) {
    return guarded_in("a.go", "func f() {\n\tr.GET(\"/x\", func(c *gin.Context) {\n\t\t" + body
                                  + "\n\t})\n}\n");
  };
  CHECK(in_go("apiTokenTotal.Inc()") == 0);
  CHECK(in_go("apiToken := c.GetHeader(\"X-Token\")") == 0);
  CHECK(in_go("if c.GetHeader(\"X-Token\") != t { c.AbortWithStatus(http.StatusForbidden) }") == 1);
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
  CHECK(in_express("const { authorization: token } = req.headers;") == 0);
  CHECK(in_express("const { authorization: token } = req.headers;\n"
                   "  if (token !== KEY) return res.status(403).end();")
        == 1);
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

namespace {

bool guards_flask(const std::string& body, const std::string& above = "",
                  const std::string& more = "") {
  return guarded_in("a.py", more + "@app.route('/x', methods=['POST'])\n" + above
                                + "def x(key=None):\n" + body + "    return done()\n")
         == 1;
}

bool guards_express(const std::string& body, const std::string& before = "",
                    const std::string& more = "") {
  return guarded_in("a.js", more + "app.post('/x', " + before + "(req, res, next) => {\n" + body
                                + "  done(res);\n});\n")
         == 1;
}

bool guards_fastapi(const std::string& parameter, const std::string& more = "",
                    const std::string& body = "") {
  return guarded_in("a.py", more + "\n\n@app.post('/x')\ndef x(" + parameter + "):\n" + body
                                + "    return done()\n")
         == 1;
}

} // namespace

TEST_CASE("who reads who calls and refuses nobody asks for nothing") {
  CHECK_FALSE(guards_fastapi("api_key: str = ''"));
  CHECK_FALSE(guards_fastapi("current_user_id: int = 0"));
  CHECK_FALSE(guards_fastapi("", "", "    client = Client(api_key=KEY)\n"));
  CHECK_FALSE(guards_flask("    if current_user.is_authenticated:\n        count('known')\n"));
  CHECK_FALSE(guards_flask("    token = request.headers.get('Authorization')\n    count(token)\n"));
  CHECK_FALSE(guards_flask("    return jsonify(auth_required=False)\n"));
  CHECK_FALSE(guards_express("  const { authorization: token } = req.headers;\n  count(token);\n"));
  CHECK_FALSE(guards_express("  res.json({ data: req.user ? 'hi' : 'anonymous' });\n"));
  CHECK_FALSE(guards_express("  if (!req.user) count('anonymous');\n  find(req.body);\n"));
}

TEST_CASE("texts and comments beside a route ask for nothing") {
  CHECK_FALSE(guarded_in("a.py", "@app.post('/x', summary='requires authentication', tags=['jwt'])"
                                 "\ndef x():\n    return 1\n"));
  CHECK_FALSE(guards_flask("    text = \"\"\"\n    login_required: abort(401)\n    \"\"\"\n"));
  CHECK_FALSE(guards_express("  const s = `please\n  requireAuth(req) or 401`;\n  send(s);\n"));
  CHECK_FALSE(guarded_in("a.js", "app.post('/x', f); // TODO requireAuth\n"));
  CHECK_FALSE(guarded_in("a.js", "app.post('/x', (req, res) => { /* requireAuth */ f(res); });\n"));
}

TEST_CASE("an answer that refuses counts, also without a name that tells of a guard") {
  CHECK(guards_flask("    if 'user_id' not in session:\n        abort(401)\n"));
  CHECK(guards_flask("    if request.headers.get('X-Key') != KEY:\n        return 'no', 403\n"));
  CHECK(guards_flask("    if not current_user.is_admin:\n        return redirect('/in')\n"));
  CHECK(guards_flask("    if not request.user.is_staff:\n        raise Http404\n"));
  CHECK(guards_express("  if (!req.user) return res.sendStatus(401);\n"));
  CHECK(guards_express("  if (!req.session.user) return next(new Error('no'));\n"));
  CHECK(guards_express("  if (!req.user) {\n    throw new Unauthorized();\n  }\n"));
  CHECK(guards_express("  const claims = jwt.verify(token, KEY);\n"));
  const std::string in = "function signedIn(req, res, next) {\n  if (req.isAuthenticated()) {\n"
                         "    return next();\n  }\n";
  CHECK(guards_express("", "signedIn, ", in + "  res.redirect('/in');\n}\n"));
  CHECK_FALSE(guards_express("", "signedIn, ", in + "  next();\n}\n"));
  CHECK_FALSE(guards_flask("    if token.kind != 'name':\n        raise SyntaxError\n"));
  CHECK_FALSE(guards_express("  if (order.owner === undefined) return res.sendStatus(400);\n"));
  CHECK_FALSE(guards_express("  if (reply.status === 401) count('them');\n"));
  CHECK_FALSE(guards_express("  if (!order) return res.status(403).end();\n"));
  CHECK_FALSE(guards_flask("    if request.user:\n        return redirect('/home')\n"));
}

TEST_CASE("what a library guards is a guard, unless it is told to let all pass") {
  CHECK(guards_flask("", "@login_required\n"));
  CHECK(guards_flask("", "@jwt_required()\n"));
  CHECK_FALSE(guards_flask("", "@jwt_required(optional=True)\n"));
  CHECK(guards_fastapi("t=Depends(scheme)", "scheme = OAuth2PasswordBearer(tokenUrl='t')"));
  CHECK_FALSE(
      guards_fastapi("t=Depends(oauth2_scheme)",
                     "oauth2_scheme = OAuth2PasswordBearer(tokenUrl='t', auto_error=False)"));
  CHECK(guards_express("", "auth, ", "const auth = passport.authenticate('jwt');\n"));
  CHECK_FALSE(guards_express(
      "", "auth, ", "const auth = expressjwt({\n  secret,\n  credentialsRequired: false,\n});\n"));
}

TEST_CASE("a guard that the repository defines is looked into, whatever its name") {
  const std::string refuses = "def caller(k: str = Header()):\n    if k != KEY:\n"
                              "        raise HTTPException(status_code=403)\n    return k\n";
  CHECK(guards_fastapi("who=Depends(caller)", refuses));
  CHECK(guards_fastapi("who: Who", refuses + "\n\nWho = Annotated[str, Depends(caller)]"));
  CHECK_FALSE(guards_fastapi("who=Depends(get_current_user)",
                             "def get_current_user(k: str = Header()):\n    return k\n"));
  CHECK(guards_fastapi("who=Depends(Roles('a'))", "class Roles:\n    def __call__(self, user):\n"
                                                  "        if user.role not in self.roles:\n"
                                                  "            raise HTTPException(403)\n"));
  CHECK(guards_flask("", "@needs_token\n",
                     "def needs_token(f):\n    def inner(*a):\n"
                     "        if request.cookies.get('t') != T:\n            abort(401)\n"
                     "        return f(*a)\n    return inner\n\n\n"));
  CHECK_FALSE(guards_flask("", "@login_required\n", "def login_required(f):\n    return f\n\n\n"));
  const std::string passes = "function requireAuth(req, res, next) {\n  next();\n}\n";
  CHECK_FALSE(guards_express("", "requireAuth, ", passes));
  CHECK_FALSE(guarded_in("a.js", "app.use('/x', authenticationRoutes);\napp.get('/x', f);\n"));
  CHECK_FALSE(guarded_in("a.js", passes + "app.use(requireAuth);\napp.get('/x', f);\n"));
  CHECK_FALSE(guarded_in("a.js", "app.use(failed);\nfunction failed(err, req, res, next) {\n"
                                 "  res.status(401).end();\n}\napp.get('/x', f);\n"));
  CHECK(routes_in({{"p/views.py", "class Base(LoginRequiredMixin, View):\n    pass\n\n\n"
                                  "class Orders(Base):\n    pass\n"},
                   {"p/urls.py", "urlpatterns = [path('o', views.Orders.as_view())]\n"}})
        == std::map<std::string, bool>{{"o", true}});
}

TEST_CASE("a guard around another mux of Go guards what that has") {
  const auto routes = routes_in(
      {{"a.go",
        "package a\n\nfunc f() {\n\tmux.HandleFunc(\"/open\", g)\n"
        "\tadmin.HandleFunc(\"/admin/x\", g)\n"
        "\tmux.Handle(\"/admin/\", http.StripPrefix(\"/admin\", requireAuth(admin)))\n}\n"}});
  CHECK_FALSE(routes.at("/open"));
  CHECK(routes.at("/admin/x"));
}

TEST_CASE("the finding names where who calls is only read") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/a.py", "@app.get('/x')\ndef x():\n    log_name(current_user)\n    return 1\n");
  ws.commit("app", "first");
  const auto auth = run_security(ws, "auth-implementation");
  CHECK(auth["endpoints"][0]["only_read_at"]["line"] == 3);
  REQUIRE(auth["findings"].size() == 1);
  const auto message = auth["findings"][0]["message"].get<std::string>();
  CHECK(message.find("a.py:3") != message.npos);
}

TEST_CASE("a guard of the next statement or method is none of this one") {
  const auto guarded = [](const std::string& name, const std::string& text) {
    std::string all;
    for (const auto& [route, is] : routes_in({{name, text}}))
      all += is ? route + " " : "";
    return all;
  };
  CHECK(guarded("a.go", "func f() {\n\tr.GET(\"/open\", h)\n"
                        "\tadm := r.Group(\"/adm\", gin.BasicAuth(a))\n\tadm.GET(\"/in\", h)\n}\n")
        == "/in ");
  CHECK(guarded("a.go", "func f() {\n\tr.HandleFunc(\"/open\", h)\n"
                        "\tr.Handle(\"/in\", requireAuth(http.HandlerFunc(h))).Methods(\"GET\")\n"
                        "\tr.HandleFunc(\"/free\", h)\n}\n")
        == "/in ");
  CHECK(guarded("web.php", "Route::get('/open', 'C@a');\n"
                           "Route::middleware('auth')->group(function () {\n"
                           "    Route::get('/in', 'C@b');\n});\nRoute::get('/free', 'C@c');\n")
        == "/in ");
  CHECK(guarded("a.ts", "@Controller('c')\nexport class C {\n  @Post('open')\n  a() {\n"
                        "    return 1;\n  }\n\n  @UseGuards(AuthGuard('jwt'))\n  @Get('in')\n"
                        "  b() { return []; }\n}\n")
        == "/c/in ");
  CHECK(guarded("a.ts", "@UseGuards(AuthGuard('jwt'))\n@Controller('c')\nexport class C {\n"
                        "  @Get('in')\n  a() { return []; }\n}\n\n@Controller('d')\n"
                        "export class D {\n  @Get('open')\n  a() { return []; }\n}\n")
        == "/c/in ");
  CHECK(guarded_in("a.js", "router.route('/a').get(list).post(requireAuth, create);\n") == 1);
  CHECK(guarded("a.rs", "fn app() -> Router {\n    Router::new()\n"
                        "        .route(\"/in\", get(a))\n        .route(\"/too\", get(b))\n"
                        "        .route_layer(from_fn(require_auth))\n}\n")
        == "/in /too ");
}

TEST_CASE("a name means what its file imports, not what another file calls the same") {
  const std::string refuses = "def check():\n    if not session.get('user'):\n        abort(401)\n";
  const std::string passes = "def check():\n    return None\n";
  const std::string app =
      "from public import check\n\n@app.route('/x')\ndef x():\n    check()\n    return 1\n";
  CHECK(routes_in({{"public.py", refuses}, {"admin.py", passes}, {"app.py", app}}).at("/x"));
  CHECK_FALSE(routes_in({{"public.py", passes}, {"admin.py", refuses}, {"app.py", app}}).at("/x"));
  const auto script = [](const std::string& guard) {
    return routes_in({{"mw/check.js",
                       "module.exports = (req, res, next) => {\n" + guard + "  next();\n};\n"},
                      {"app.js", "const requireAuth = require('./mw/check');\n"
                                 "app.get('/x', requireAuth, f);\n"}})
        .at("/x");
  };
  CHECK(script("  if (!req.session.user) return res.status(401).end();\n"));
  CHECK_FALSE(script(""));
  CHECK(routes_in({{"g.js", "exports.guard = (req, res, next) => {\n"
                            "  if (!req.user) return res.sendStatus(401);\n  next();\n};\n"},
                   {"app.js", "const g = require('./g');\napp.get('/x', g.guard, f);\n"}})
            .at("/x"));
  CHECK(routes_in({{"r/items.py", "router = APIRouter()\n\n@router.get('/x')\ndef x():\n"
                                  "    return 1\n"},
                   {"main.py", "from r.items import router as items\napp.include_router(\n"
                               "    items,\n    dependencies=[Depends(require_user)],\n)\n"}})
            .at("/x"));
}

TEST_CASE("a refusal that is caught, of others or in a branch stops nobody") {
  CHECK_FALSE(guards_flask("    try:\n        verify_token(request)\n    except Exception:\n"
                           "        known = False\n"));
  CHECK(guards_flask("    try:\n        verify_token(request)\n    except Exception:\n"
                     "        return 'no', 401\n"));
  CHECK_FALSE(guards_flask("    r = ask(request.headers['token'])\n"
                           "    if r.status_code == 401:\n        abort(401)\n"));
  CHECK_FALSE(guards_flask("    if form['kind'] == 'private':\n"
                           "        if 'user' not in session:\n            abort(401)\n"));
  CHECK_FALSE(guards_express("  if (req.query.all && !req.user) return res.sendStatus(401);\n"));
  CHECK(guards_express("  if (!req.user && !req.session.user) return res.sendStatus(401);\n"));
}

TEST_CASE("what stands before all of an application or of a part guards that") {
  const auto flask = [](const std::string& hook) {
    return guarded_in("a.py", hook
                                  + "def gate():\n    if 'user' not in session:\n"
                                    "        return redirect('/in')\n\n\n"
                                    "@bp.route('/x')\ndef x():\n    return 1\n")
           == 1;
  };
  CHECK(flask("@bp.before_request\n"));
  CHECK(flask("@app.before_app_request\n"));
  CHECK_FALSE(flask("@other.before_request\n"));
  CHECK(guarded_in("a.py", "@app.middleware('http')\nasync def gate(request, call_next):\n"
                           "    if request.headers.get('x-key') != KEY:\n"
                           "        return JSONResponse({}, status_code=401)\n"
                           "    return await call_next(request)\n\n\n"
                           "@app.get('/x')\ndef x():\n    return 1\n")
        == 1);
  CHECK(guarded_in("a.js", "app.use((req, res, next) => {\n"
                           "  if (!req.headers.authorization) return res.status(401).end();\n"
                           "  next();\n});\napp.get('/x', f);\n")
        == 1);
  CHECK(guarded_in("a.js", "app.addHook('onRequest', async (req, reply) => {\n"
                           "  await req.jwtVerify();\n  if (!req.user) reply.code(401).send();\n"
                           "});\napp.get('/x', f);\n")
        == 1);
  const auto nest = [](const std::string& above) {
    return routes_in({{"app.module.ts", "@Module({ providers: [{ provide: APP_GUARD, useClass: "
                                        "AuthGuard }] })\nexport class AppModule {}\n"},
                      {"c.ts", "@Controller('c')\nexport class C {\n" + above
                                   + "  @Get('x')\n  x() { return 1; }\n}\n"}})
        .at("/c/x");
  };
  CHECK(nest(""));
  CHECK_FALSE(nest("  @Public()\n"));
}

TEST_CASE("what has the same name in another place guards nothing") {
  const std::string dependency = "def caller(k: str = Header()):\n    if k != KEY:\n"
                                 "        raise HTTPException(403)\n    return k\n";
  const auto fastapi = routes_in(
      {{"deps.py", dependency},
       {"admin.py",
        "from deps import caller\nrouter = APIRouter(dependencies=[Depends(caller)])\n\n"
        "@router.get('/in')\ndef a():\n    return 1\n"},
       {"items.py", "router = APIRouter()\n\n@router.get('/open')\ndef b():\n    return 1\n"}});
  CHECK(fastapi.at("/in"));
  CHECK_FALSE(fastapi.at("/open"));
  const std::string decorators = "def needs_user(f):\n    def inner(*a):\n"
                                 "        if 'user' not in session:\n            abort(401)\n"
                                 "        return f(*a)\n    return inner\n\n\n"
                                 "def no_cache(f):\n    def inner(*a):\n        return f(*a)\n"
                                 "    return inner\n\n\n";
  CHECK(guards_flask("", "@needs_user\n", decorators));
  CHECK_FALSE(guards_flask("", "@no_cache\n", decorators));
  CHECK_FALSE(guards_fastapi("who=Depends(maybe)",
                             dependency
                                 + "\n\ndef maybe(k: str = Header()):\n    return k\n\n"
                                   "Caller = Annotated[str, Depends(caller)]"));
  CHECK_FALSE(guarded_in("a.go", "func f() {\n\tauthorized := r.Group(\"/\")\n"
                                 "\tauthorized.POST(\"/x\", h)\n}\n"));
  const auto view = [](const std::string& answer) {
    return routes_in({{"p/views.py", "class Own(BasePermission):\n"
                                     "    def has_permission(self, request, view):\n        return "
                                         + answer
                                         + "\n\n\nclass V(APIView):\n"
                                           "    permission_classes = [Own]\n"},
                      {"p/urls.py", "urlpatterns = [path('v', V.as_view())]\n"}})
        .at("v");
  };
  CHECK(view("request.user.is_staff"));
  CHECK_FALSE(view("not cache.get('closed')"));
}

TEST_CASE("Spring's patterns match as Spring matches, also by constants and for one method") {
  const auto guarded = [](const std::string& rules, const std::string& more = "") {
    std::string all;
    for (const auto& [route, is] : routes_in(
             {{"A.java", "@RestController\nclass A {\n  @GetMapping(\"/open\")\n  void a() {}\n"
                         "  @PutMapping(\"/open/b\")\n  void b() {}\n"
                         "  @GetMapping(\"/opened\")\n  void c() {}\n}\n"},
              {"C.java", "class C {\n" + more
                             + "  SecurityFilterChain chain(HttpSecurity http) {\n"
                               "    http.authorizeHttpRequests(a -> a\n      "
                             + rules + "\n    );\n    return http.build();\n  }\n}\n"}}))
      all += is ? route + " " : "";
    return all;
  };
  const std::string rest = ".permitAll().anyRequest().authenticated()";
  CHECK(guarded(".requestMatchers(\"/open/**\")" + rest) == "/opened ");
  CHECK(guarded(".requestMatchers(\"/open\")" + rest) == "/open/b /opened ");
  CHECK(guarded(".requestMatchers(HttpMethod.GET, \"/open/**\")" + rest) == "/open/b /opened ");
  CHECK(guarded(".requestMatchers(PUBLIC)" + rest,
                "  static final String[] PUBLIC = { \"/open/**\", \"/x\" };\n")
        == "/opened ");
  CHECK(guarded(".requestMatchers(PUBLIC)" + rest).empty());
  CHECK(guarded("authorize(\"/open/**\", permitAll)\n      authorize(anyRequest, authenticated)")
        == "/opened ");
}

TEST_CASE("the front page is public, a part's first page is not") {
  const auto open = [](const std::string& name, const std::string& text) {
    temporary_workspace ws;
    ws.start("app");
    ws.write("app/" + name, text);
    ws.commit("app", "first");
    return run_security(ws, "auth-implementation")["public_or_webhook"].get<int>();
  };
  CHECK(open("a.py", "@app.get('/')\ndef x():\n    return 1\n") == 1);
  CHECK(open("a.py", "@app.post('/')\ndef x():\n    return 1\n") == 0);
  CHECK(open("a.py", "@orders.get('/')\ndef x():\n    return 1\n") == 0);
  CHECK(open("urls.py", "urlpatterns = [\n    path('login/', views.sign_in),\n"
                        "    path('shop/', include('shop.urls')),\n]\n")
        == 1);
}

TEST_CASE("what axum takes from a request guards, unless it may be missing") {
  const auto guarded = [](const std::string& parameter) {
    return guarded_in(
        "a.rs", "impl<S> FromRequestParts<S> for Caller {\n"
                "    async fn from_request_parts(p: &mut Parts) -> Result<Self, E> {\n"
                "        p.headers.get(\"x\").ok_or(StatusCode::UNAUTHORIZED)?;\n"
                "    }\n}\n\nasync fn show(c: "
                    + parameter
                    + ") -> Result<String, E> {\n    Ok(c.name())\n}\n\n"
                      "fn app() -> Router {\n    Router::new().route(\"/x\", get(show))\n}\n");
  };
  CHECK(guarded("Caller") == 1);
  CHECK(guarded("Option<Caller>") == 0);
}

TEST_CASE("guards are found in files as people leave them") {
  CHECK(guarded_in("a.py",
                   "@app.get('/x')\r\ndef x():\r\n    a = 1\r\n\r\n"
                   "    if 'user' not in session:\r\n        abort(401)\r\n    return a\r\n")
        == 1);
  CHECK(guarded_in("a.py", "@app.get('/x')\ndef x():\n    q = \"\"\"\nselect 1\n\"\"\"\n"
                           "    if 'user' not in session:\n        abort(401)\n    return q\n")
        == 1);
  CHECK(guarded_in("a.js", "app.use('/api)\napp.get('/x', f);\n") == 0); // A text without its end.
  CHECK_FALSE(routes_in({{"a.js", "const isAdmin = (u) => u.role === 'admin';\n"
                                  "app.get('/y', (req, res) => {\n"
                                  "  if (!req.user) return res.sendStatus(401);\n});\n"
                                  "app.get('/x', (req, res) => res.send(isAdmin(req.body)));\n"}})
                  .at("/x"));
  CHECK_FALSE(routes_in({{"src/lib/auth.ts",
                          "export function requireAuth(req, res, next) {\n  next();\n}\n"},
                         {"src/a.ts", "import { requireAuth } from '@/lib/auth';\n"
                                      "app.get('/x', requireAuth, f);\n"}})
                  .at("/x"));
  CHECK(guards_express("  if (req.query.a && req.query.b) count();\n"
                       "  if (!req.user) return res.sendStatus(401);\n"));
  CHECK(guards_express("  const s = req.body.text.replace(/\\`/g, '');\n"
                       "  if (!req.user) return res.sendStatus(401);\n  done(`${s}`);\n"));
}

TEST_CASE("a name that is looked up in another one means what that has") {
  CHECK_FALSE(routes_in({{"hooks.py", "@bp.post('/x')\ndef hook():\n    return save()\n"},
                         {"views.py", "class V(MethodView):\n    @jwt_required()\n"
                                      "    def post(self):\n        return 1\n"}})
                  .at("/x"));
  const std::string refuses = "exports.list = (req, res) => {\n"
                              "  if (!req.user) return res.sendStatus(401);\n  res.json([]);\n};\n";
  const auto scripts = routes_in({{"users.js", refuses},
                                  {"pages.js", "exports.list = (req, res) => res.json([]);\n"},
                                  {"app.js", "const users = require('./users');\n"
                                             "const pages = require('./pages');\n"
                                             "app.get('/users', users.list);\n"
                                             "app.get('/pages', pages.list);\n"}});
  CHECK(scripts.at("/users"));
  CHECK_FALSE(scripts.at("/pages"));
  const auto handler = [](const std::string& package, const std::string& body) {
    return "package " + package + "\n\nfunc Show(w http.ResponseWriter, r *http.Request) {\n" + body
           + "\tw.Write(nil)\n}\n";
  };
  const auto packages = routes_in(
      {{"users/u.go", handler("users", "\tif r.Header.Get(\"X-Key\") != k {\n"
                                       "\t\thttp.Error(w, \"no\", 401)\n\t\treturn\n"
                                       "\t}\n")},
       {"pages/p.go", handler("pages", "")},
       {"main.go", "package main\n\nfunc f() {\n\tmux.HandleFunc(\"/users\", users.Show)\n"
                   "\tmux.HandleFunc(\"/pages\", pages.Show)\n}\n"}});
  CHECK(packages.at("/users"));
  CHECK_FALSE(packages.at("/pages"));
  CHECK(routes_in({{"web.php", "Route::post('/x', [\\App\\PostController::class, 'store']);\n"},
                   {"PostController.php", "class PostController\n{\n    public function store()\n"
                                          "    {\n        abort_unless(ok(), 401);\n    }\n}\n"}})
            .at("/x"));
}

TEST_CASE("an answer that is written and does not end the handler refuses nobody") {
  CHECK_FALSE(guards_express("  if (!req.headers.authorization) res.status(401);\n"));
  CHECK_FALSE(
      guards_express("  if (!req.user) {\n    res.status(401).json({});\n  }\n  count(req);\n"));
  CHECK(guards_express("  if (!req.user) {\n    res.status(401).json({});\n    return;\n  }\n"));
  CHECK(guarded_in("a.js", "app.get('/x', (req, res) => {\n  if (!req.user) {\n"
                           "    res.status(401).end();\n  } else {\n    done(res);\n  }\n});\n")
        == 1);
  CHECK_FALSE(guards_express("", "authenticate({ optional: true }), "));
  CHECK_FALSE(guarded_in("a.js", "app.get('/x', (req, res, next) => {\n"
                                 "  passport.authenticate('jwt', (err, user) => {\n"
                                 "    res.json(user || {});\n  })(req, res, next);\n});\n"));
}

TEST_CASE("the first rule of Spring that matches decides") {
  const auto guarded = [](const std::string& rules) {
    return routes_in({{"A.java", "@RestController\nclass A {\n  @GetMapping(\"/orders/a\")\n"
                                 "  void a() {}\n}\n"},
                      {"C.java", "class C {\n  SecurityFilterChain chain(HttpSecurity http) {\n"
                                 "    http.authorizeHttpRequests(a -> a\n      "
                                     + rules + ");\n    return http.build();\n  }\n}\n"}})
        .at("/orders/a");
  };
  CHECK(guarded(".requestMatchers(\"/orders/**\").authenticated().anyRequest().permitAll()"));
  CHECK_FALSE(guarded(".requestMatchers(\"/order/**\").authenticated().anyRequest().permitAll()"));
  CHECK_FALSE(
      guarded(".requestMatchers(\"/orders/a\").permitAll()\n"
              "      .requestMatchers(\"/orders/**\").hasRole(\"X\").anyRequest().denyAll()"));
}

TEST_CASE("several routes on one line are several, each with its own guard") {
  CHECK(endpoints_in("urls.py", "urlpatterns = [path('a', views.a), path('b', views.b)]\n")
        == "any a@1 any b@1");
  const auto routes = routes_in(
      {{"a.js", "app.get('/open', f); app.get('/in', requireAuth, f);\n"},
       {"b.rs", "fn app() -> Router {\n    Router::new().route(\"/free\", get(one))"
                ".route(\"/too\", get(two).post(one))\n}\n\nfn two(h: HeaderMap) -> Response {\n"
                "    if h.get(\"x-api-key\") != Some(K) {\n"
                "        return StatusCode::UNAUTHORIZED.into_response();\n    }\n}\n"}});
  CHECK(routes.size() == 4);
  CHECK_FALSE(routes.at("/open"));
  CHECK(routes.at("/in"));
  CHECK_FALSE(routes.at("/free"));
}
