#include "tools/consolidate/phase12.hpp"

#include "tools/consolidate/load_target.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/suite_run.hpp"
#include "tools/consolidate/wording.hpp"

#include <algorithm>

namespace aeo::consolidate {

namespace {

std::vector<load_target> find_targets(const step_context& context, const scratch_checkout& checkout,
                                      const ordered& mapping) {
  const auto& run = context.config.run;
  std::vector<load_target> targets;
  for (const auto& item : run.load) {
    load_target target;
    target.name = item.name;
    target.configured = true;
    target.service.directory = item.cwd;
    target.service.start = item.argv;
    target.service.started_by = context.config.file;
    target.service.env = item.env;
    target.url = item.url;
    target.summary = item.summary;
    target.thresholds = item.thresholds.empty() ? run.performance.thresholds : item.thresholds;
    target.timeout = std::chrono::seconds(item.timeout > 0 ? item.timeout : run.suite_timeout);
    if (find_program(item.argv.front()).empty())
      target.service.missing = item.argv.front() + " is not on PATH (install it)";
    targets.push_back(std::move(target));
  }
  if (!targets.empty())
    return targets;
  for (auto& service : find_services(context, checkout, mapping)) {
    load_target target;
    target.name = service.name;
    target.service = std::move(service);
    target.thresholds = run.performance.thresholds;
    target.timeout = std::chrono::seconds(run.suite_timeout);
    targets.push_back(std::move(target));
  }
  return targets;
}

ordered limits_json(const std::vector<checked_limit>& limits) {
  ordered list = ordered::array();
  for (const auto& item : limits) {
    ordered entry{{"metric", item.limit.metric}};
    if (item.limit.min)
      entry["min"] = *item.limit.min;
    if (item.limit.max)
      entry["max"] = *item.limit.max;
    entry["actual"] =
        item.actual ? ordered(*item.actual) : not_measured("the target gave no such number");
    entry["holds"] = item.holds;
    list.push_back(std::move(entry));
  }
  return list;
}

/// The command line without the scratch area's name, which is another each time.
std::string start_line(const scratch_checkout& checkout, const local_service& service) {
  auto line = shell_line(service.start);
  if (!service.prepare.empty())
    line = shell_line(service.prepare) + " && " + line;
  for (auto at = line.find(checkout.root()); at != std::string::npos;
       at = line.find(checkout.root()))
    line.replace(at, checkout.root().size(), "$SCRATCH");
  return line;
}

ordered target_json(const scratch_checkout& checkout, const load_target& target,
                    const target_result& result) {
  const auto& service = target.service;
  ordered entry{{"name", target.name},
                {"configured", target.configured},
                {"directory", service.directory.empty() ? "." : encode_path(service.directory)},
                {"start", start_line(checkout, service)},
                {"started_by", encode_path(service.started_by)}};
  if (!service.health_path.empty())
    entry["endpoint"] = {{"path", encode_path(service.health_file)},
                         {"line", service.health_line},
                         {"url_path", service.health_path}};
  if (!service.filled.empty())
    entry["variables_filled"] = service.filled;
  entry["status"] = result.measured ? "measured" : "not_measured";
  if (!result.reason.empty())
    entry["reason"] = result.reason;
  if (!result.url.empty())
    entry["url"] = result.url;
  if (!result.log.empty())
    entry["log"] = result.log;
  entry["metrics"] = result.metrics;
  if (!result.error_kinds.empty())
    entry["errors_by_kind"] = result.error_kinds;
  entry["processes_ended"] = result.processes_ended;
  if (result.measured || target.configured)
    entry["thresholds"] = limits_json(result.limits);
  return entry;
}

/// One finding for each limit that does not hold, at the place of the endpoint.
void limit_findings(const load_target& target, const target_result& result, ordered& findings) {
  for (const auto& item : result.limits) {
    if (item.holds)
      continue;
    const auto limit = item.limit.max ? " at most " + ordered(*item.limit.max).dump()
                                      : " at least " + ordered(item.limit.min.value_or(0)).dump();
    findings.push_back(
        {{"severity", "high"},
         {"rule", "load-threshold"},
         {"path", encode_path(target.service.health_file.empty() ? target.service.started_by
                                                                 : target.service.health_file)},
         {"line", target.service.health_line},
         {"message", target.name + ": " + item.limit.metric + " is "
                         + (item.actual ? ordered(*item.actual).dump() : "not_measured")
                         + ", expected" + limit},
         {"advice", "make it faster, or change the limit with a reason"}});
  }
}

struct load_totals {
  std::size_t measured = 0;
  std::size_t checked = 0;
  std::size_t failed = 0;
  double requests = 0;
  double errors = 0;
  std::map<std::string, double> worst;

  void add(const load_target& target, const target_result& result) {
    // What was detected and cannot be started here is listed; what someone asked for must be
    // measured.
    if (result.measured || target.configured) {
      checked += result.limits.size();
      failed += static_cast<std::size_t>(
          std::ranges::count_if(result.limits, [](const auto& item) { return !item.holds; }));
    }
    if (!result.measured)
      return;
    ++measured;
    const auto of = [&](const char* metric) {
      const auto found = result.metrics.find(metric);
      return found == result.metrics.end() ? 0.0 : found->second;
    };
    requests += of("requests");
    errors += of("errors");
    for (const auto* metric : {"p50_ms", "p95_ms", "p99_ms"}) {
      if (result.metrics.contains(metric))
        worst[metric] = std::max(worst[metric], of(metric));
    }
  }
};

} // namespace

step_result load_test(const step_context& context) {
  const auto mapping = read_output(context, "reports/component_mapping.json", "component-mapping");
  const scratch_checkout checkout(context, "load");
  const auto before = monorepo_state(context);
  const auto targets = find_targets(context, checkout, mapping);
  target_runner runner(context, checkout);
  load_totals totals;
  ordered list = ordered::array();
  ordered findings = ordered::array();
  for (std::size_t i = 0; i < targets.size(); ++i) {
    context.progress("targets loaded", i, targets.size());
    const auto result = runner.run(targets[i]);
    totals.add(targets[i], result);
    list.push_back(target_json(checkout, targets[i], result));
    if (result.measured || targets[i].configured)
      limit_findings(targets[i], result, findings);
  }
  context.progress("targets loaded", targets.size(), targets.size());
  const auto why = not_measured(targets.empty() ? "no load is configured and no service was found"
                                                : "no target could be measured (see targets)");
  const bool any = totals.measured > 0;
  const auto worst = [&](const char* metric) {
    return totals.worst.contains(metric) ? ordered(totals.worst[metric]) : why;
  };
  ordered document{{"head", checkout.head()},
                   {"targets_total", targets.size()},
                   {"targets_measured", totals.measured},
                   {"targets_not_measured", targets.size() - totals.measured},
                   {"requests", any ? ordered(totals.requests) : why},
                   {"errors", any ? ordered(totals.errors) : why},
                   {"p50_ms", worst("p50_ms")},
                   {"p95_ms", worst("p95_ms")},
                   {"p99_ms", worst("p99_ms")},
                   {"thresholds_checked", totals.checked},
                   {"thresholds_failed", any || totals.checked > 0 ? ordered(totals.failed) : why},
                   {"monorepo_changed", monorepo_state(context) != before},
                   {"targets", list},
                   {"findings", findings}};
  return {document, std::to_string(totals.measured) + " of " + counted(targets.size(), "target")
                        + " measured, "
                        + counted(static_cast<std::size_t>(totals.requests), "request") + ", "
                        + std::to_string(totals.failed) + " of "
                        + counted(totals.checked, "threshold") + " failed"};
}

} // namespace aeo::consolidate
