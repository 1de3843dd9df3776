#include "tools/consolidate/phase7.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/local_references.hpp"
#include "tools/consolidate/masking.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/suite_run.hpp"
#include "tools/consolidate/supervised.hpp"
#include "tools/consolidate/syntax.hpp"
#include "tools/consolidate/wording.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

namespace aeo::consolidate {

namespace {

constexpr std::size_t unresolved_listed = 500;

ordered finding_entry(const std::string& severity, const std::string& rule, const std::string& path,
                      std::uint32_t line, const std::string& message, const std::string& advice) {
  return {{"severity", severity}, {"rule", rule},       {"path", encode_path(path)},
          {"line", line},         {"message", message}, {"advice", advice}};
}

ordered syntax_json(const syntax_report& report, ordered& findings) {
  ordered languages = ordered::array();
  for (const auto& [language, item] : report.languages) {
    ordered entry{{"language", language}, {"files", item.files}};
    if (item.parser.empty()) {
      entry["status"] = "not_measured";
      entry["reason"] = item.reason;
    } else {
      entry["parser"] = item.parser;
      entry["parsed"] = item.parsed;
      entry["failed"] = item.failed;
      entry["not_measured"] = item.unparsed;
    }
    languages.push_back(std::move(entry));
  }
  ordered unmeasured = ordered::array();
  for (const auto& [reason, files] : report.unmeasured)
    unmeasured.push_back({{"reason", reason}, {"files", files}});
  for (const auto& item : report.problems)
    findings.push_back(finding_entry("high", "syntax", item.path, item.line, item.message,
                                     "mend it, or name it in syntax.exclude if it is meant so"));
  return {{"languages", languages}, {"not_measured", unmeasured}};
}

struct reference_totals {
  std::size_t total = 0;
  std::map<reference_status, std::size_t> by_status;
  ordered kinds = ordered::object();
};

reference_totals count_references(const std::vector<judged_reference>& judged, ordered& findings) {
  reference_totals out;
  std::map<std::string, std::pair<std::size_t, std::size_t>> kinds;
  for (const auto& item : judged) {
    ++out.total;
    ++out.by_status[item.status];
    auto& [all, bad] = kinds[item.reference.kind];
    ++all;
    if (item.status != reference_status::unresolved)
      continue;
    if (++bad <= unresolved_listed)
      findings.push_back(finding_entry(
          "high", "reference-" + item.reference.kind, item.reference.path, item.reference.line,
          "\"" + printable(item.reference.target, 200) + "\" is not in the monorepo",
          "correct the path, or add the file"));
  }
  for (const auto& [kind, counts] : kinds)
    out.kinds[kind] = {{"total", counts.first}, {"unresolved", counts.second}};
  return out;
}

struct command_totals {
  std::size_t failed = 0;
  std::size_t unmeasured = 0;
  ordered list = ordered::array();
};

/// A command passes with exit code 0; one whose program is missing is not measured.
command_totals run_commands(const step_context& context, const scratch_checkout& checkout) {
  command_totals out;
  const auto& commands = context.config.run.integration;
  const auto logs = context.consolidation() + "/repository_consolidation/integration_logs";
  remove_tree(logs);
  if (!commands.empty())
    std::filesystem::create_directories(logs);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    context.progress("integration commands", i, commands.size());
    const auto& item = commands[i];
    ordered entry{{"name", item.name}, {"command", shell_line(item.argv)}, {"cwd", item.cwd}};
    if (find_program(item.argv.front()).empty()) {
      ++out.unmeasured;
      entry.update(not_measured(item.argv.front() + " is not on PATH (install it)"));
      out.list.push_back(std::move(entry));
      continue;
    }
    const auto log = "/" + std::to_string(i + 1) + ".log";
    supervision rules;
    rules.directory = join_path(checkout.tree(), item.cwd);
    rules.environment = checkout.environment(false);
    for (const auto& [name, value] : item.env)
      rules.environment.push_back(name + "=" + value);
    rules.log_file = logs + log;
    rules.timeout =
        std::chrono::seconds(item.timeout > 0 ? item.timeout : context.config.run.suite_timeout);
    rules.writable = checkout.writable();
    log_mask log_secrets(context, rules.log_file);
    const auto end = run_supervised(item.argv, rules);
    log_secrets.finish();
    const bool passed = end.exit_code == 0 && !end.timed_out;
    out.failed += passed ? 0 : 1;
    entry["status"] = passed ? "passed" : end.timed_out ? "timed_out" : "failed";
    entry["exit_code"] = end.exit_code;
    entry["seconds"] = std::round(end.seconds * 1000) / 1000;
    entry["log"] = "consolidation/repository_consolidation/integration_logs" + log;
    out.list.push_back(std::move(entry));
  }
  return out;
}

std::size_t sum_of_files(const syntax_report& report, std::size_t language_syntax::*member) {
  std::size_t sum = 0;
  for (const auto& [language, item] : report.languages)
    sum += item.*member;
  return sum;
}

/// The parsers of ours write nothing beside the files that they read; others may.
scratch_checkout::use use_of_files(const run_settings& settings) {
  const bool others = std::ranges::any_of(settings.syntax_checkers, [](const auto& checker) {
    return !find_program(checker.argv.front()).empty();
  });
  return others || !settings.integration.empty() ? scratch_checkout::use::writing
                                                 : scratch_checkout::use::reading;
}

} // namespace

step_result integration_tests(const step_context& context) {
  const auto before = monorepo_state(context);
  const scratch_checkout checkout(context, "integration", use_of_files(context.config.run));
  const auto syntax = check_syntax(context, checkout);
  ordered findings = ordered::array();
  const auto languages = syntax_json(syntax, findings);
  const auto references = count_references(check_references(checkout, syntax), findings);
  const auto commands = run_commands(context, checkout);
  const bool changed = monorepo_state(context) != before;
  if (changed && checkout.in_place())
    throw failure(exit_status::try_again,
                  checkout.tree() + ": changed while it was read (run integration-tests again)");
  const auto parsed = sum_of_files(syntax, &language_syntax::parsed);
  const auto failed = sum_of_files(syntax, &language_syntax::failed);
  const auto unparsed = sum_of_files(syntax, &language_syntax::unparsed);
  const auto count = [&](reference_status status) {
    const auto found = references.by_status.find(status);
    return found == references.by_status.end() ? std::size_t{0} : found->second;
  };
  const auto unresolved = count(reference_status::unresolved);
  ordered document{{"head", checkout.head()},
                   {"failed", failed + unresolved + commands.failed},
                   {"files_total", syntax.files_total},
                   {"files_parsed", parsed},
                   {"files_failed", failed},
                   {"files_not_measured", unparsed},
                   {"files_without_syntax", syntax.plain},
                   {"files_binary", syntax.binary},
                   {"files_vendored", syntax.vendored},
                   {"files_excluded", syntax.excluded},
                   {"links_and_submodules", syntax.links},
                   {"references_total", references.total},
                   {"references_resolved", count(reference_status::resolved)},
                   {"references_unresolved", unresolved},
                   {"references_optional", count(reference_status::optional)},
                   {"references_generated", count(reference_status::generated)},
                   {"commands_total", commands.list.size()},
                   {"commands_failed", commands.failed},
                   {"commands_not_measured", commands.unmeasured},
                   {"monorepo_changed", changed},
                   {"syntax", languages},
                   {"references", references.kinds},
                   {"commands", commands.list},
                   {"findings", findings}};
  return {document, counted(parsed, "file") + " parsed, " + std::to_string(failed) + " failed, "
                        + std::to_string(unparsed) + " not_measured; " + std::to_string(unresolved)
                        + " of " + counted(references.total, "reference") + " unresolved; "
                        + std::to_string(commands.failed) + " of "
                        + counted(commands.list.size(), "command") + " failed"};
}

} // namespace aeo::consolidate
