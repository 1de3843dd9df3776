// The shipped plan on demo workspaces with one flaw each: exactly the phase that looks for it
// stops, at the criterion that it misses, and an output says where.

#include "tests/fixtures/demo.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cctype>
#include <cstdlib>
#include <set>

using namespace aeo;
using namespace aeo::testing;

namespace {

struct flaw {
  std::string name;
  std::string phase;
  std::set<std::string> metrics; ///< of the criteria that are missed
  bool needs_node = false;
};

const std::vector<flaw> flaws = {
    {"missing-repository", "0", {"components_short"}},
    {"damaged-history", "4", {}}, // the step itself ends: there is nothing to measure
    {"failing-test", "5", {"tests_failed", "suites_failed"}},
    {"suite-without-count", "5", {"suites_without_count", "suites_failed"}, true},
    {"no-tests", "5", {"tests_run"}},
    {"broken-link", "6", {"broken_links_documents"}},
    {"python-syntax", "7", {"failed"}},
    {"json-syntax", "7", {"failed"}},
    {"yaml-syntax", "7", {"failed"}},
    {"broken-reference", "7", {"failed"}, true},
    {"undeclared-variable", "8", {"undeclared_required"}},
    {"port-conflict", "8", {"conflicts"}},
    {"container-conflict", "8", {"conflicts"}},
    {"secret-in-tree", "9", {"critical"}},
    {"secret-in-history", "9", {"critical"}},
    {"private-key", "9", {"critical"}},
    {"unsigned-whatsapp", "9", {"critical"}},
    {"unsigned-n8n", "9", {"critical"}},
    {"dockerfile-syntax", "10", {"parse_errors"}},
    {"compose-syntax", "10", {"parse_errors"}},
    {"slow-service", "12", {"thresholds_failed"}},
    {"service-that-ends",
     "12",
     {"targets_measured", "requests", "thresholds_checked", "thresholds_failed"}},
};

/// A phase's ancestors in the shipped plan and itself.
std::set<std::string> ancestry(const std::string& id) {
  std::set<std::string> result{id};
  for (const auto& needed : shipped_phases().at(id).at("dependencies"))
    result.merge(ancestry(needed.get<std::string>()));
  return result;
}

struct place {
  std::string path; ///< without the repository's name, which is another one in the monorepo
  int line = 0;     ///< 0: the path is the id of an object
};

/// "planted NAME: REPOSITORY/PATH:LINE" or "planted NAME: object ID" as tools/demo-workspace says;
/// nothing where a flaw has no place.
place place_in(const std::string& printed, const std::string& name) {
  const auto start = "planted " + name + ": ";
  for (const auto& line : lines_of(printed)) {
    if (!line.starts_with(start))
      continue;
    if (line.starts_with(start + "object "))
      return {line.substr(start.size() + 7), 0};
    const auto slash = line.find('/');
    const auto colon = line.rfind(':');
    return {line.substr(slash + 1, colon - slash - 1), std::atoi(line.c_str() + colon + 1)};
  }
  return {};
}

/// A string "…PATH:LINE…", or an object with a path and a line.
bool names_place(const json& value, const std::string& path, int line) {
  if (value.is_string()) {
    const auto text = value.get<std::string>();
    const auto wanted = path + ":" + std::to_string(line);
    const auto at = text.find(wanted);
    return at != std::string::npos
           && (at + wanted.size() == text.size()
               || std::isdigit(static_cast<unsigned char>(text[at + wanted.size()])) == 0);
  }
  if (value.is_object() && value.value("line", json()) == line)
    for (const auto* key : {"path", "file"})
      if (value.value(key, json()).is_string() && value[key].get<std::string>().ends_with(path))
        return true;
  if (value.is_structured())
    for (const auto& item : value)
      if (names_place(item, path, line))
        return true;
  return false;
}

bool outputs_name(const temp_workspace& w, const std::string& phase, const place& where) {
  for (const auto& task : shipped_phases().at(phase).at("tasks"))
    for (const auto& output : task.value("outputs", json::array())) {
      const auto file = output.get<std::string>();
      if (file.ends_with(".json") && w.has(file)
          && names_place(read_json(w, file), where.path, where.line))
        return true;
    }
  return false;
}

std::set<std::string> missed_metrics(const json& phase) {
  std::set<std::string> result;
  for (const auto& criterion : phase.at("criteria")) {
    const auto check = criterion.at("check").get<std::string>();
    if (!criterion.at("passed").get<bool>())
      result.insert(check.substr(check.rfind('#') + 1));
  }
  return result;
}

/// Only the phase stops: what it needs is approved, what needs it is blocked, and so is nothing
/// else.
void check_stops(const temp_workspace& w, const flaw& f) {
  for (const auto& [id, definition] : shipped_phases().items()) {
    INFO("phase " << id);
    const bool waits = id != f.phase && ancestry(id).contains(f.phase);
    CHECK(statuses(w)[id] == (id == f.phase ? "failed" : waits ? "blocked" : "approved"));
  }
}

struct trial {
  explicit trial(const flaw& given) : f(given), printed(make_demo(w, {"--flawed", f.name})) {
    load_lightly(w);
  }

  void check(const program_result& r) const {
    INFO("flaw " << f.name << "\n" << printed << r.output);
    CHECK(r.exit_code == 1);
    check_stops(w, f);
    CHECK(missed_metrics(reported(final_report(w), f.phase)) == f.metrics);
    const auto where = place_in(printed, f.name);
    INFO("place " << where.path << ":" << where.line);
    if (where.line > 0)
      CHECK(outputs_name(w, f.phase, where));
    else if (!where.path.empty())
      CHECK(contains(w.read("consolidation/logs/4/T4.1.1.log"), where.path));
  }

  flaw f;
  temp_workspace w;
  std::string printed;
};

} // namespace

TEST_CASE("each flaw stops its phase only, at its criterion, with its place") {
  if (!has_program("git") || !has_program("python3"))
    SKIP("git or python3 is not here");
  const toolbox bare({"go", "cargo", "mvn", "node", "npm"});
  const toolbox with_node({"go", "cargo", "mvn"});
  // Two at a time: one of them often waits.
  std::unique_ptr<trial> before;
  std::unique_ptr<program> running;
  for (const auto& f : flaws) {
    if (f.needs_node && !(has_program("node") && has_program("npm")))
      continue;
    auto next = std::make_unique<trial>(f);
    auto node = (f.needs_node ? with_node : bare).start_node(next->w);
    if (before)
      before->check(running->wait(120));
    before = std::move(next);
    running = std::move(node);
  }
  before->check(running->wait(120));
}

TEST_CASE("each flaw that the demo workspace knows is tried") {
  const auto help = run_program({AEO_SOURCE_DIR "/tools/demo-workspace", "--help"}).output;
  std::set<std::string> known;
  for (const auto& line : lines_of(help.substr(help.find("flaws, the phase"))))
    if (line.starts_with("  "))
      known.insert(line.substr(2, line.find(' ', 2) - 2));
  std::set<std::string> tried;
  for (const auto& f : flaws)
    tried.insert(f.name);
  CHECK(known == tried);
}
