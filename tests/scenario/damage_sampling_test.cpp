// Bytes of what is stored are flipped or cut off, in turn: that is named, or it is harmless. Never
// a wrong state, never a crash, never an empty restart. AEO_DAMAGE_SAMPLES sets how many of each
// file.

#include "tests/fixtures/scenario.hpp"

#include <catch2/catch_test_macros.hpp>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <random>

using namespace aeo;
using namespace aeo::testing;

namespace {

namespace fs = std::filesystem;

unsigned from_environment(const char* name, unsigned otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : otherwise;
}

void write_plan_of_three(const temp_workspace& w) {
  write_plan(w,
             {{"a", shell_phase({}, "echo a >> ledger")},
              {"b", shell_phase({"a"}, "echo b >> ledger; test -e fixed")},
              {"c", shell_phase({"b"}, "echo c >> ledger")}},
             {{"max_retries", 0}});
}

std::string flipped(std::string bytes, std::size_t at, std::mt19937& random) {
  bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1U << random() % 8));
  return bytes;
}

/// Says what is wrong and where, and is no crash.
void check_refusal(const program_result& r) {
  CHECK(r.exit_code < 128);
  CHECK(r.exit_code != 1);
  CHECK(contains(r.output, "consolidation/"));
}

} // namespace

TEST_CASE("what is flipped or cut off in the stored state is named, or harmless") {
  const auto seed = from_environment("AEO_SEED", std::random_device{}());
  const auto samples = from_environment("AEO_DAMAGE_SAMPLES", 6);
  std::mt19937 random{seed};
  const temp_workspace original;
  write_plan_of_three(original);
  {
    const auto r = run_node(original);
    INFO(r.output);
    REQUIRE(r.exit_code == 1);
    check_nothing_left(original);
  }
  original.write("fixed", "");
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator{original.path() / "consolidation"})
    if (entry.is_regular_file() && entry.file_size() > 0 && !entry.path().string().ends_with(".md"))
      files.push_back(fs::relative(entry.path(), original.path()));
  REQUIRE(files.size() > 8);
  for (const auto& file : files)
    for (unsigned i = 0; i < samples; ++i) {
      const temp_workspace w;
      fs::copy(original.path(), w.path(),
               fs::copy_options::recursive | fs::copy_options::overwrite_existing);
      const auto bytes = original.read(file.string());
      const auto at = random() % bytes.size();
      const auto cut = i % 3 == 2;
      INFO(file << (cut ? " cut off" : " flipped") << " at " << at << " of " << bytes.size()
                << ", AEO_SEED=" << seed);
      w.write(file.string(), cut ? bytes.substr(0, at) : flipped(bytes, at, random));
      for (const char* command : {"status", "verify", "logs"}) {
        const auto told = run_program({"aeo-control", "--workspace", w.path().string(), command});
        INFO("aeo-control " << command << ": " << told.exit_code << "\n" << told.output);
        CHECK(told.exit_code < 128);
        CHECK((told.exit_code == 0 || !told.output.empty()));
      }
      const auto r = run_node(w, {"--resume"});
      INFO(r.output);
      const auto ledger = w.read("ledger");
      if (r.exit_code == 0) {
        CHECK(ledger == "a\nb\nb\nc\n");
        CHECK(state_file(w)["overall_status"] == "completed");
        CHECK_FALSE(stored_events(w).empty());
        // A number of SQLite's own that nothing needed here is named by `verify` alone.
        const auto fault = chain_fault_of(w);
        INFO(fault);
        CHECK((fault.empty() || contains(fault, "execution.db is damaged")));
      } else {
        check_refusal(r);
        CHECK(ledger == "a\nb\n");
      }
      check_nothing_left(w);
    }
}
