#include "tools/consolidate/load_target.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/masking.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/test_counts.hpp"

#include <nlohmann/json.hpp>

#include <re2/re2.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace aeo::consolidate {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::string with_port(std::string text, std::uint16_t port) {
  for (auto at = text.find("{port}"); at != std::string::npos; at = text.find("{port}"))
    text.replace(at, 6, std::to_string(port));
  return text;
}

std::string whole_log(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string said_last(const std::string& file) {
  const auto text = without_colours(whole_log(file));
  const auto shown = trim(text);
  return shown.empty()
             ? std::string("it said nothing")
             : "its last line: " + printable(trim(shown.substr(shown.rfind('\n') + 1)), 200);
}

/// The last line that is a JSON object with numbers: a load command may print its metrics so.
std::map<std::string, double> metrics_line(const std::string& output) {
  std::map<std::string, double> found;
  for (const auto line : split(output, '\n')) {
    const auto object = nlohmann::json::parse(line, nullptr, false);
    if (!object.is_object())
      continue;
    found.clear();
    for (const auto& [key, value] : object.items()) {
      if (value.is_number())
        found[key] = value.get<double>();
    }
  }
  return found;
}

/// Waits until it answers HTTP; the URL at which it does, empty if it ended or took too long.
std::string wait_for_answer(supervised_process& process, const std::string& wanted,
                            const std::string& path, std::chrono::seconds limit) {
  const auto deadline = steady_clock::now() + limit;
  while (!process.ended_within(milliseconds(50)) && steady_clock::now() < deadline) {
    std::vector<std::string> urls;
    for (const auto port : listening_ports(process.processes())) {
      // A configured URL names its port; a detected service may have chosen another one than ours.
      const auto own = "http://127.0.0.1:" + std::to_string(port) + path;
      if (path.empty() ? wanted.starts_with("http://127.0.0.1:" + std::to_string(port) + "/")
                       : true)
        urls.push_back(path.empty() ? wanted : own);
    }
    for (const auto& url : urls) {
      if (ask_status(url, milliseconds(10'000)) != 0)
        return url;
    }
  }
  return {};
}

} // namespace

std::vector<checked_limit> check_limits(const std::vector<metric_limit>& limits,
                                        const std::map<std::string, double>& metrics) {
  std::vector<checked_limit> out;
  for (const auto& limit : limits) {
    checked_limit item{limit, {}, false};
    if (const auto found = metrics.find(limit.metric); found != metrics.end()) {
      item.actual = found->second;
      item.holds = (!limit.min || found->second >= *limit.min)
                   && (!limit.max || found->second <= *limit.max);
    }
    out.push_back(std::move(item));
  }
  return out;
}

target_runner::target_runner(const step_context& context, const scratch_checkout& checkout)
    : context_(context), checkout_(checkout), logs_(context.consolidation() + "/performance/logs") {
  remove_tree(logs_); // of an earlier run
  std::filesystem::create_directories(logs_);
}

target_result target_runner::run(const load_target& target) {
  target_result out;
  const auto& service = target.service;
  if (service.missing.empty()) {
    auto name = std::to_string(++number_) + "-" + target.name;
    re2::RE2::GlobalReplace(&name, "[^A-Za-z0-9._-]+", "-");
    name = name.substr(0, 100) + ".log";
    out.log = "consolidation/performance/logs/" + name;
    supervision rules;
    rules.directory = join_path(checkout_.tree(), service.directory);
    rules.environment = checkout_.environment(!target.configured);
    rules.log_file = logs_ + "/" + name;
    rules.timeout = target.timeout;
    rules.writable = checkout_.writable();
    log_mask log_secrets(context_, rules.log_file);
    try {
      if (target.url.empty() && service.health_path.empty())
        run_command(target, rules, out);
      else if (prepare(target, rules, out))
        run_service(target, rules, out);
    } catch (const failure& error) {
      interrupt_guard::check(); // ended from outside: not a fact about the target
      out.reason = error.what();
    }
    log_secrets.finish();
  } else {
    out.reason = service.missing;
  }
  out.limits = check_limits(target.thresholds, out.metrics);
  return out;
}

bool target_runner::prepare(const load_target& target, const supervision& rules,
                            target_result& out) {
  if (target.service.prepare.empty())
    return true;
  const auto end = run_supervised(target.service.prepare, rules);
  if (end.exit_code == 0 && !end.timed_out)
    return true;
  out.reason = "it could not be built (exit " + std::to_string(end.exit_code) + "); "
               + said_last(rules.log_file);
  return false;
}

void target_runner::run_service(const load_target& target, supervision& rules, target_result& out) {
  const auto port = free_port();
  const auto& limits = context_.config.run.performance;
  for (const auto& [name, value] : target.service.env)
    rules.environment.push_back(name + "=" + with_port(value, port));
  auto argv = target.service.start;
  for (auto& word : argv)
    word = with_port(word, port);
  supervised_process process(argv, rules);
  out.url = wait_for_answer(process, with_port(target.url, port), target.service.health_path,
                            std::chrono::seconds(limits.start_timeout));
  if (out.url.empty()) {
    const bool ended = process.ended_within(milliseconds(0));
    const auto end = process.stop();
    out.processes_ended = end.ended;
    out.reason = ended
                     ? "it ended with " + std::to_string(end.exit_code) + " before it answered; "
                     : "it did not answer within " + std::to_string(limits.start_timeout) + " s; ";
    out.reason += said_last(rules.log_file);
    return;
  }
  const load_plan plan{out.url, static_cast<std::size_t>(limits.requests),
                       static_cast<std::size_t>(limits.concurrency),
                       std::chrono::seconds(limits.duration)};
  const auto result = send_load(plan);
  out.processes_ended = process.stop().ended;
  out.metrics = result.metrics();
  out.error_kinds = result.kinds;
  out.measured = result.requests > 0;
  if (!out.measured)
    out.reason = "no request was answered within " + std::to_string(limits.duration) + " s";
}

void target_runner::run_command(const load_target& target, const supervision& rules,
                                target_result& out) {
  auto with_env = rules;
  for (const auto& [name, value] : target.service.env)
    with_env.environment.push_back(name + "=" + value);
  const auto end = run_supervised(target.service.start, with_env);
  out.processes_ended = end.ended;
  const auto output = whole_log(rules.log_file);
  if (end.timed_out || end.exit_code != 0) {
    out.reason =
        end.timed_out
            ? "it was ended after " + std::to_string(target.timeout.count()) + " s"
            : "it exited " + std::to_string(end.exit_code) + "; " + said_last(rules.log_file);
    return;
  }
  out.metrics =
      target.summary.empty() ? metrics_line(output) : match_metrics(target.summary, output);
  out.measured = !out.metrics.empty();
  if (!out.measured)
    out.reason = "it printed no metric that `summary` finds; " + said_last(rules.log_file);
}

} // namespace aeo::consolidate
