// A phase's success criteria, NUL, what the gate finds in any file that they name.

#include "actors/core/criteria.hpp"
#include "actors/core/json_probe.hpp"
#include "actors/core/sha256.hpp"
#include "config/config.hpp"
#include "tests/fixtures/temp_dir.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <variant>

using namespace aeo;
using fuzz::expect;

namespace {

/// Every file there is has the same text.
class one_text : public core::file_access {
public:
  explicit one_text(std::string text) : text_(std::move(text)) {}
  std::string fingerprint(const std::string&) override { return "1"; }
  core::result<core::file_digest> digest(const std::string&) override {
    return core::file_digest{text_.size(), core::sha256_hex(text_)};
  }
  core::result<std::string> read(const std::string&, std::uint64_t max_bytes) override {
    if (text_.size() > max_bytes)
      return core::result<std::string>::failed("too long");
    return text_;
  }
  core::result<std::vector<std::string>> glob(const std::string& pattern) override {
    return std::vector{pattern};
  }
  core::result<core::file_age> age(const std::string&) override {
    return core::file_age{1, duration{1}};
  }

private:
  std::string text_;
};

void check_gate(const plan& p, one_text& files) {
  for (const auto& phase : p.phases) {
    const auto gate = core::evaluate(phase, {}, {}, files);
    for (const auto& check : gate.checks)
      expect(check.passed || !gate.passed, "a gate with a check that fails does not pass");
    const auto again = core::gate_result_from_json(core::to_json(gate));
    expect(static_cast<bool>(again), "a verdict reads back");
    expect(again->passed == gate.passed && again->digest == gate.digest, "it is the same verdict");
  }
}

} // namespace

void fuzz_one(std::string_view input) {
  static const test::temp_dir dir;
  const auto criteria = fuzz::take_part(input);
  // As a path into the document, too.
  const auto found = core::json_find(input, criteria);
  expect(core::json_problem(input).empty() || !found, "nothing is found in what is no JSON");

  test::write_bytes(dir / "phase_config.json",
                    R"({"phases": {"1": {"tasks": [{"id": "a", "command": "true"}]}}})");
  test::write_bytes(dir / "success_criteria.json", criteria);
  const auto loaded = config::load(
      {dir.path(), {}, [](const std::string&) -> std::optional<std::string> { return {}; }});
  one_text files{std::string{input}};
  if (const auto* good = std::get_if<config::loaded>(&loaded))
    check_gate(good->value, files);
}
