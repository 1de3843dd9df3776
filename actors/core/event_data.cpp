#include "actors/core/event_data.hpp"

#include "actors/core/lenient_json.hpp"

#include <nlohmann/json.hpp>

namespace aeo::core {

namespace {

using nlohmann::ordered_json;

constexpr std::string_view ask_prefix = R"({"ask":true)";

void add_number(std::string& out, const char* key, std::int64_t value) {
  out += key;
  out += std::to_string(value);
}

ordered_json failure_json(const failure_text& text, const task_exit& exit) {
  ordered_json result{{"class", text.cls}, {"message", text.message}, {"why", text.why}};
  if (exit.kind == exit_kind::exited)
    result["exit_code"] = exit.code;
  else if (exit.kind == exit_kind::signalled)
    result["signal"] = exit.code;
  if (!text.log.empty())
    result["log"] = text.log;
  if (!text.tail.empty())
    result["tail"] = text.tail;
  return result;
}

void add_gate(ordered_json& to, const gate_result& gate) {
  if (gate.checks.empty() && gate.outputs.empty())
    return;
  auto parts = ordered_json::parse(to_json(gate));
  for (const char* key : {"criteria", "outputs", "digest"})
    to[key] = std::move(parts[key]);
}

} // namespace

std::string started_data(const task_start& start) {
  std::string out;
  add_number(out, R"({"pid":)", start.pid);
  add_number(out, R"(,"start_ticks":)", static_cast<std::int64_t>(start.start_ticks));
  return out += '}';
}

std::string finished_data(const task_exit& exit) {
  // By hand: this is written once per task, and half of a run's events are such.
  std::string out = exit.ok() ? R"({"ok":true,"kind":")" : R"({"ok":false,"kind":")";
  out += to_string(exit.kind);
  add_number(out, R"(","code":)", exit.code);
  add_number(out, R"(,"pid":)", exit.pid);
  add_number(out, R"(,"ms":)", (exit.ended_us - exit.started_us) / 1000);
  add_number(out, R"(,"cpu_ms":)", exit.cpu_us / 1000);
  add_number(out, R"(,"peak_rss_kb":)", exit.peak_rss_kb);
  add_number(out, R"(,"started_us":)", exit.started_us);
  add_number(out, R"(,"ended_us":)", exit.ended_us);
  add_number(out, R"(,"log_bytes":)", exit.log_bytes);
  if (exit.leftovers != 0)
    add_number(out, R"(,"leftovers":)", exit.leftovers);
  if (!exit.detail.empty())
    out += R"(,"detail":)" + lenient::dump(ordered_json(exit.detail));
  return out += '}';
}

std::optional<task_exit> exit_from_data(const event& e) {
  auto data = nlohmann::json::parse(e.data, nullptr, false);
  if (!data.is_object())
    return std::nullopt;
  auto number = [&data](const char* key) -> std::int64_t {
    auto found = data.find(key);
    return found != data.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
  };
  auto text = [&data](const char* key) {
    auto found = data.find(key);
    return found != data.end() && found->is_string() ? found->get<std::string>() : std::string{};
  };
  task_exit exit;
  exit.key = {e.phase, e.task, e.attempt};
  auto kind = exit_kind_from_string(text("kind"));
  if (!kind)
    return std::nullopt;
  exit.kind = *kind;
  exit.code = static_cast<std::int32_t>(number("code"));
  exit.pid = number("pid");
  exit.started_us = number("started_us");
  exit.ended_us = number("ended_us");
  exit.cpu_us = number("cpu_ms") * 1000;
  exit.peak_rss_kb = number("peak_rss_kb");
  exit.log_bytes = number("log_bytes");
  exit.leftovers = static_cast<std::int32_t>(number("leftovers"));
  exit.detail = text("detail");
  return exit;
}

std::string last_lines(std::string_view text) {
  constexpr std::size_t max_lines = 20;
  constexpr std::size_t max_bytes = 4096;
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.remove_suffix(1);
  auto begin = text.size();
  for (std::size_t lines = 0; begin > 0 && lines < max_lines; ++lines) {
    auto end_of_line_before = text.rfind('\n', begin - 1);
    auto next = end_of_line_before == text.npos ? 0 : end_of_line_before;
    if (text.size() - next > max_bytes)
      break;
    begin = next;
  }
  if (begin == text.size() && !text.empty())
    begin = text.size() > max_bytes ? text.size() - max_bytes : 0; // One very long line.
  auto result = text.substr(begin);
  if (result.starts_with('\n'))
    result.remove_prefix(1);
  return std::string{result};
}

std::string failure_data(const failure_text& text, const task_exit& exit) {
  return lenient::dump(failure_json(text, exit));
}

std::string retry_data(const failure_text& text, const task_exit& exit, std::int64_t at_us,
                       std::int64_t delay_ms, bool counted) {
  auto result = failure_json(text, exit);
  result["at"] = at_us;
  result["delay_ms"] = delay_ms;
  result["counted"] = counted;
  return lenient::dump(result);
}

std::string criteria_failed_data(const std::string& message, const gate_result& gate) {
  ordered_json result{{"class", "permanent"}, {"message", message}, {"why", "criteria not met"}};
  add_gate(result, gate);
  return lenient::dump(result);
}

std::string approved_data(const gate_result& gate) {
  ordered_json result{{"by", "criteria"}};
  add_gate(result, gate);
  return lenient::dump(result);
}

std::string waiting_data(const std::string& reason, const gate_result& gate) {
  ordered_json result{{"reason", reason}};
  add_gate(result, gate);
  return lenient::dump(result);
}

std::string decision_data(std::string_view by, std::string_view reason) {
  return lenient::dump(ordered_json{{"by", by}, {"reason", reason}});
}

std::string warning_data(std::string_view text) {
  return lenient::dump(ordered_json{{"level", "warning"}, {"text", text}});
}

std::string ask_data(const std::string& reason) {
  return lenient::dump(ordered_json{{"ask", true}, {"reason", reason}});
}

bool is_override(std::string_view data) {
  // Most have none, and a plan may be large.
  return data.find("\"override\"") != data.npos && lenient::flag(lenient::object(data), "override");
}

bool is_ask(std::string_view data) {
  return data.starts_with(ask_prefix);
}

} // namespace aeo::core
