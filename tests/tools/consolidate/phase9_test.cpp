#include "tests/tools/consolidate/security_step.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>

#include <map>

using namespace aeo::consolidate;
using namespace aeo::consolidate::test;

namespace {

std::string planted(int number) {
  return std::string("AK") + "IAQ3EGT7BMZP4WKV" + (number < 10 ? "2" : "") + std::to_string(number);
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
