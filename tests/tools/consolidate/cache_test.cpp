#include "tests/tools/consolidate/temporary_workspace.hpp"
#include "tools/consolidate/cache.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo::consolidate;
using namespace aeo::consolidate::test;

namespace {

file_facts full_facts() {
  file_facts facts;
  facts.size = 5'000'000'000;
  facts.mtime = -3;
  facts.inode = 127;
  facts.oid = std::string(40, 'a');
  facts.lf_oid = std::string(40, 'b');
  facts.language = "Python";
  facts.binary = true;
  facts.from_git = true;
  facts.lines = {1, 128, 16384};
  facts.refs = {{{"os", 1}, {"", 2}}, {{"HOME", 3, true}, {"X", 4, false}}, {{"Y", 5}}};
  facts.hits = {{7, 8}};
  facts.secrets = {{1, 2, 3'000'000'000, 4, "base64", "0123456789ab", "TOKEN"}};
  facts.checks = {{9, 10}, {11, 12}};
  return facts;
}

constexpr const char* cache_file = "consolidation/.cache/scan";

void save(const temporary_workspace& ws, const rule_set& rules,
          const std::unordered_map<std::string, const file_facts*>& files) {
  scan_cache(ws.root + "/consolidation/.cache", rules).save(files);
}

} // namespace

TEST_CASE("the scan cache gives back every member that it was given") {
  const temporary_workspace ws;
  const rule_set rules(ws.context.config);
  const auto facts = full_facts();
  const file_facts none;
  const std::string odd("a\0b\n", 4);
  save(ws, rules, {{odd, &facts}, {"empty", &none}});
  const scan_cache cache(ws.root + "/consolidation/.cache", rules);
  REQUIRE(cache.size() == 2);
  CHECK(cache.find("other") == nullptr);
  REQUIRE(cache.find("empty") != nullptr);
  CHECK(cache.find("empty")->oid.empty());
  const auto* found = cache.find(odd);
  REQUIRE(found != nullptr);
  CHECK(found->size == facts.size);
  CHECK(found->mtime == facts.mtime);
  CHECK(found->inode == facts.inode);
  CHECK(found->oid == facts.oid);
  CHECK(found->lf_oid == facts.lf_oid);
  CHECK(found->language == facts.language);
  CHECK(found->binary);
  CHECK_FALSE(found->lfs_pointer);
  CHECK_FALSE(found->too_large);
  CHECK(found->from_git);
  CHECK(found->lines.code == 1);
  CHECK(found->lines.comment == 128);
  CHECK(found->lines.blank == 16384);
  REQUIRE(found->refs.imports.size() == 2);
  CHECK(found->refs.imports[0].name == "os");
  CHECK(found->refs.imports[1].line == 2);
  REQUIRE(found->refs.env_used.size() == 2);
  CHECK(found->refs.env_used[0].name == "HOME");
  CHECK(found->refs.env_used[0].line == 3);
  CHECK(found->refs.env_used[0].required);
  CHECK_FALSE(found->refs.env_used[1].required);
  REQUIRE(found->refs.env_declared.size() == 1);
  CHECK(found->refs.env_declared[0].line == 5);
  REQUIRE(found->hits.size() == 1);
  CHECK(found->hits[0].rule == 7);
  CHECK(found->hits[0].line == 8);
  REQUIRE(found->secrets.size() == 1);
  const auto& secret = found->secrets[0];
  CHECK(secret.rule == 1);
  CHECK(secret.line == 2);
  CHECK(secret.offset == 3'000'000'000);
  CHECK(secret.length == 4);
  CHECK(secret.encoding == "base64");
  CHECK(secret.fingerprint == "0123456789ab");
  CHECK(secret.name == "TOKEN");
  REQUIRE(found->checks.size() == 2);
  CHECK(found->checks[1].rule == 11);
  CHECK(found->checks[1].line == 12);
}

TEST_CASE("a scan cache that was cut, grew or has other rules is an empty one") {
  temporary_workspace ws;
  const rule_set rules(ws.context.config);
  const auto facts = full_facts();
  save(ws, rules, {{"a", &facts}});
  const auto whole = ws.read(cache_file);
  const auto known = [&](const rule_set& by) {
    return scan_cache(ws.root + "/consolidation/.cache", by).size();
  };
  CHECK(known(rules) == 1);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ws.write(cache_file, whole.substr(0, size));
    CHECK(known(rules) == 0);
  }
  ws.write(cache_file, whole + "x");
  CHECK(known(rules) == 0);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    auto damaged = whole;
    damaged[at] = '\xFF';
    ws.write(cache_file, damaged);
    CHECK(known(rules) <= 1); // without a fault, however long a list it claims
  }
  ws.write(cache_file, whole);
  ws.context.config.security = {};
  CHECK(known(rule_set(ws.context.config)) == 0);
}
