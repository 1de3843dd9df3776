// The JSON reports. Phases are written value by value: a plan may have very many.

#include "actors/core/json_writer.hpp"
#include "actors/core/lenient_json.hpp"
#include "actors/core/report.hpp"
#include "actors/core/report_words.hpp"

#include <algorithm>
#include <ctime>
#include <future>
#include <map>
#include <ostream>
#include <utility>

namespace aeo::core {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t indented_up_to = 200; ///< Larger plans: one phase per line.
constexpr std::size_t block = 500;          ///< Phases that are written in one go.
constexpr std::size_t status_lists_all_up_to = 1000;

ordered_json time_or_null(std::int64_t us) {
  return us > 0 ? ordered_json(short_time(us)) : ordered_json();
}

/// To the millisecond.
double seconds(std::int64_t us) {
  const auto ms = us / 1000;
  return static_cast<double>(ms) / 1000;
}

ordered_json seconds_or_null(std::int64_t from_us, std::int64_t to_us) {
  if (from_us <= 0 || to_us < from_us)
    return {};
  return seconds(to_us - from_us);
}

ordered_json text_or_null(const std::string& text) {
  return text.empty() ? ordered_json() : ordered_json(text);
}

/// Writes one JSON object member by member.
class object_writer {
public:
  object_writer(std::ostream& out, const report_input& in)
      : out_(out), mask_(in.mask), indent_(in.state.phases.size() <= indented_up_to) {
    out_ << "{";
  }
  void member(const char* key, ordered_json value) {
    begin(key);
    std::string text;
    json_writer{text, mask_, indent_, 1}.value(std::move(value));
    out_ << text;
  }
  void begin_array(const char* key) {
    begin(key);
    out_ << "[";
    first_element_ = true;
  }
  /// write(json_writer&) writes it.
  template <class Write>
  void element(const Write& write) {
    std::string text;
    append_element(text, std::exchange(first_element_, false), write);
    out_ << text;
  }
  /// The elements that write(json_writer&, 0) to write(json_writer&, count - 1) write. Large plans:
  /// two threads work at them, for the end of the run waits for this.
  template <class Write>
  void elements(std::size_t count, const Write& write) {
    auto text_of_block = [&](std::size_t from) {
      std::string text;
      for (auto i = from; i < std::min(from + block, count); ++i)
        append_element(text, i == 0, [&](json_writer& to) { write(to, i); });
      return text;
    };
    for (std::size_t from = 0; from < count; from += 2 * block) {
      std::future<std::string> second;
      if (from + block < count)
        second = std::async(text_of_block, from + block);
      out_ << text_of_block(from);
      if (second.valid())
        out_ << second.get();
    }
    first_element_ = count == 0;
  }
  void end_array() { out_ << (first_element_ ? "]" : "\n  ]"); }
  void end() { out_ << "\n}\n"; }

private:
  void begin(const char* key) {
    out_ << (first_ ? "\n  \"" : ",\n  \"") << key << "\": ";
    first_ = false;
  }
  template <class Write>
  void append_element(std::string& text, bool first, const Write& write) const {
    text += first ? "\n    " : ",\n    ";
    json_writer to{text, mask_, indent_, 2};
    write(to);
  }

  std::ostream& out_;
  const mask_function& mask_;
  bool indent_;
  bool first_ = true;
  bool first_element_ = true;
};

std::string_view source_of(const report_input& in, phase_index i) {
  if (in.history && in.history->imported(i))
    return "imported";
  return in.state.phases[i].started_us > 0 ? "measured" : "not_run";
}

void write_time(json_writer& out, const char* key, std::int64_t us) {
  out.key(key);
  if (us > 0)
    out.value(short_time(us));
  else
    out.null();
}

void write_seconds(json_writer& out, const char* key, std::int64_t from_us, std::int64_t to_us) {
  out.key(key);
  if (from_us <= 0 || to_us < from_us)
    out.null();
  else
    out.value(seconds(to_us - from_us));
}

void write_task(json_writer& out, const phase_def& p, const task_record& t) {
  const auto& def = p.tasks[t.task];
  out.begin_object();
  out.member("id", def.id);
  out.member("name", def.label());
  write_time(out, "started_at", t.started_us);
  if (t.finished) {
    out.member("ok", t.ok);
    out.member("outcome", to_string(t.kind));
    out.member("code", t.code);
    write_seconds(out, "duration_seconds", t.started_us, t.ended_us);
    out.member("cpu_seconds", static_cast<double>(t.cpu_ms) / 1000);
    out.member("peak_rss_kb", t.peak_rss_kb);
    out.member("log_bytes", t.log_bytes);
    out.key("log");
    if (t.log_bytes > 0)
      out.value("consolidation/logs/" + p.id + "/" + def.id + "." + std::to_string(t.attempt)
                + ".log");
    else
      out.null();
  } else {
    out.member("outcome", "unknown");
  }
  out.end_object();
}

void write_attempts(json_writer& out, const report_input& in, phase_index i) {
  out.key("attempts");
  out.begin_array();
  for (const auto& a : in.history->attempts(i)) {
    out.begin_object();
    out.member("attempt", a.attempt);
    write_time(out, "started_at", a.started_us);
    write_time(out, "ended_at", a.ended_us);
    write_seconds(out, "duration_seconds", a.started_us, a.ended_us);
    out.key("outcome");
    if (a.outcome == event_kind::phase_started)
      out.null();
    else
      out.value(to_string(*status_after(a.outcome)));
    out.key("tasks");
    out.begin_array();
    for (const auto& t : in.history->tasks(i, a.attempt))
      write_task(out, in.definition.phases[i], t);
    out.end_array();
    out.end_object();
  }
  out.end_array();
}

ordered_json errors_json(const std::vector<phase_error>& errors) {
  auto result = ordered_json::array();
  for (const auto& e : errors)
    result.push_back({{"at", time_or_null(e.time_us)},
                      {"class", e.cls},
                      {"message", e.message},
                      {"task", text_or_null(e.task)},
                      {"attempt", e.attempt}});
  return result;
}

bool says_something(const ordered_json& x) {
  return x.is_string() ? !x.get_ref<const std::string&>().empty() : !x.is_null() && x != false;
}

/// Who let the phase through, or did not, and why: from the last decision's event.
void write_decision(json_writer& out, const phase_state& s, const ordered_json& detail) {
  out.key("decision");
  out.begin_object();
  write_time(out, "at", s.ended_us);
  const auto by = lenient::text(detail, "by");
  out.key("by");
  if (by.empty())
    out.null();
  else
    out.value(by);
  if (s.status == phase_status::approved)
    out.member("kind", by.empty() ? "not_recorded" : is_person(by) ? "person" : "criteria");
  for (const char* key : {"reason", "comment", "override", "approvals", "role"})
    if (const auto& x = lenient::member(detail, key); says_something(x))
      out.member(key, x);
  out.end_object();
}

/// The rest of the detail that belongs to a failed or waiting phase.
ordered_json pick(const ordered_json& detail, std::initializer_list<const char*> keys) {
  auto result = ordered_json::object();
  for (const char* key : keys)
    if (const auto& x = lenient::member(detail, key); !x.is_null())
      result[key] = x;
  return result;
}

void write_status_part(json_writer& out, const phase_state& s, const ordered_json& detail) {
  switch (s.status) {
  case phase_status::approved:
  case phase_status::rejected:
  case phase_status::skipped:
  case phase_status::cancelled:
    write_decision(out, s, detail);
    break;
  case phase_status::failed:
  case phase_status::retry_wait:
    out.member("failure", pick(detail, {"class", "message", "why", "task", "exit_code", "signal",
                                        "log", "tail"}));
    break;
  case phase_status::waiting_approval:
    out.member("waiting", pick(detail, {"reason", "ask", "approvals", "deadline"}));
    break;
  case phase_status::blocked:
    out.member("blocked", pick(detail, {"by", "reason", "class", "message", "why", "log", "tail"}));
    break;
  default:
    break;
  }
  if (s.status == phase_status::retry_wait)
    write_time(out, "retry_at", s.retry_at_us);
}

void write_earlier_attempts(json_writer& out, const earlier_attempts& before) {
  out.key("earlier_attempts");
  out.begin_object();
  out.member("count", before.count);
  out.key("worked_seconds");
  if (before.unmeasured > 0)
    out.null();
  else
    out.value(seconds(before.worked_us));
  out.end_object();
}

void write_dependencies(json_writer& out, const report_input& in, phase_index i) {
  out.key("dependencies");
  out.begin_array();
  for (auto d : in.definition.phases[i].dependencies)
    out.value(in.definition.phases[d].id);
  out.end_array();
}

/// Most phases have an empty one.
void write_list(json_writer& out, const char* key, const ordered_json& list) {
  out.key(key);
  if (!list.empty()) {
    out.value(list);
  } else {
    out.begin_array();
    out.end_array();
  }
}

void write_duration(json_writer& out, const report_input& in, phase_index i) {
  const auto active = is_active(in.state.phases[i].status);
  const auto took = active ? std::nullopt : worked(in, i);
  out.key("duration_seconds");
  if (took)
    out.value(seconds(took->count() * 1000));
  else
    out.null();
}

void write_phase(json_writer& out, const report_input& in, phase_index i) {
  const auto& p = in.definition.phases[i];
  const auto& s = in.state.phases[i];
  const auto detail = lenient::object(s.detail);
  out.begin_object();
  out.member("id", p.id);
  out.member("name", p.label());
  out.member("status", to_string(s.status));
  write_dependencies(out, in, i);
  out.member("source", source_of(in, i));
  write_time(out, "started_at", s.started_us);
  write_time(out, "ended_at", is_active(s.status) ? 0 : s.ended_us);
  write_duration(out, in, i);
  out.member("attempt", s.attempt);
  out.member("retry_count", s.retry_count);
  if (in.history) {
    if (const auto before = in.history->attempts_before(i); before.count > 0)
      write_earlier_attempts(out, before);
    write_attempts(out, in, i);
  }
  out.member("approved", s.status == phase_status::approved);
  out.member("approval_criteria_met", s.criteria_met);
  write_list(out, "criteria", lenient::array(detail, "criteria"));
  write_list(out, "outputs", lenient::array(detail, "outputs"));
  if (auto words = output_words_json(in, i); !words.empty())
    out.member("outputs_say", std::move(words));
  if (const auto digest = lenient::text(detail, "digest"); !digest.empty())
    out.member("digest", digest);
  write_status_part(out, s, detail);
  if (s.earlier_errors > 0)
    out.member("earlier_errors", s.earlier_errors);
  write_list(out, "errors", errors_json(s.errors));
  if (!s.metadata.empty())
    out.member("metadata", lenient::object(s.metadata));
  out.end_object();
}

ordered_json progress_json(const report_input& in) {
  auto counts = count_phases(in.state);
  ordered_json by_status = ordered_json::object();
  for (std::size_t i = 0; i < counts.by_status.size(); ++i)
    if (counts.by_status.at(i) > 0)
      by_status[std::string{to_string(static_cast<phase_status>(i))}] = counts.by_status.at(i);
  return {{"done", counts.done()},
          {"total", counts.total},
          {"percent", counts.percent()},
          {"by_status", std::move(by_status)}};
}

ordered_json sessions_json(const run_history& history) {
  auto result = ordered_json::array();
  for (const auto& s : history.sessions())
    result.push_back({{"started_at", time_or_null(s.started_us)},
                      {"ended_at", time_or_null(s.ended_us)},
                      {"user", text_or_null(s.user)},
                      {"ended", text_or_null(s.status)},
                      {"reason", text_or_null(s.reason)},
                      {"plan_changed", s.plan_changed},
                      {"imported", s.imported}});
  return result;
}

ordered_json interventions_json(const std::vector<intervention>& list) {
  auto result = ordered_json::array();
  for (const auto& x : list)
    result.push_back({{"at", time_or_null(x.time_us)},
                      {"what", to_string(x.kind)},
                      {"phase", text_or_null(x.phase)},
                      {"others", x.others},
                      {"by", x.by},
                      {"reason", text_or_null(x.reason)}});
  return result;
}

ordered_json warnings_json(const std::vector<intervention>& list) {
  auto result = ordered_json::array();
  for (const auto& x : list)
    result.push_back({{"at", time_or_null(x.time_us)}, {"level", x.by}, {"text", x.reason}});
  return result;
}

ordered_json path_json(const report_input& in) {
  auto steps = ordered_json::array();
  auto path = taken_path(in);
  for (const auto& step : path)
    steps.push_back({{"id", in.definition.phases[step.phase].id},
                     {"started_at", time_or_null(step.started_us)},
                     {"duration_seconds", seconds_or_null(step.started_us, step.ended_us)},
                     {"waited_seconds", seconds(step.waited_us)}});
  return {{"duration_seconds",
           path.empty() ? ordered_json()
                        : seconds_or_null(path.front().started_us, path.back().ended_us)},
          {"phases", std::move(steps)}};
}

ordered_json steps_json(const report_input& in) {
  auto result = ordered_json::array();
  for (const auto& s : next_steps(in))
    result.push_back({{"text", s.text}, {"command", text_or_null(s.command)}});
  return result;
}

void write_head(object_writer& out, const report_input& in, const char* kind) {
  const auto& s = in.state;
  out.member("report", kind);
  out.member("format", 1);
  out.member("generated_at", time_or_null(in.now_us));
  out.member("execution_id", s.id);
  out.member("overall_status", to_string(called(s.overall, count_phases(s))));
  out.member("summary", outcome_sentence(in));
  if (in.exit_code >= 0)
    out.member("exit_code", in.exit_code);
  out.member("started_at", time_or_null(s.started_us));
  out.member("started_by", text_or_null(s.started_by));
  out.member("last_updated", time_or_null(s.updated_us));
  out.member("duration_seconds", seconds_or_null(s.started_us, end_of_run(in)));
  out.member("plan_hash", text_or_null(in.definition.hash));
  out.member("event_log", {{"last_seq", s.last_seq}, {"head", text_or_null(in.chain_head)}});
  out.member("progress", progress_json(in));
}

ordered_json errors_by_class(const execution_state& state) {
  std::map<std::string, std::size_t> counts;
  for (const auto& p : state.phases)
    for (const auto& e : p.errors)
      ++counts[e.cls.empty() ? "unknown" : e.cls];
  auto result = ordered_json::object();
  for (const auto& [cls, n] : counts)
    result[cls] = n;
  return result;
}

/// What a status report says of a phase: enough to see where it stands.
void write_brief(json_writer& out, const report_input& in, phase_index i) {
  const auto& p = in.definition.phases[i];
  const auto& s = in.state.phases[i];
  out.begin_object();
  out.member("id", p.id);
  out.member("name", p.label());
  out.member("status", to_string(s.status));
  out.member("attempt", s.attempt);
  write_time(out, "started_at", s.started_us);
  write_time(out, "ended_at", is_active(s.status) ? 0 : s.ended_us);
  out.member("approval_criteria_met", s.criteria_met);
  if (s.status != phase_status::approved)
    write_status_part(out, s, lenient::object(s.detail));
  if (!s.errors.empty())
    out.member("last_error", errors_json({s.errors.back()})[0]);
  out.end_object();
}

bool is_of_interest(phase_status s) {
  return s != phase_status::pending && s != phase_status::blocked && !is_open(s);
}

} // namespace

void write_final_json(std::ostream& stream, const report_input& in) {
  object_writer out{stream, in};
  write_head(out, in, "final");
  if (in.history) {
    out.member("mode", text_or_null(in.history->mode()));
    out.member("program", text_or_null(in.history->program()));
    out.member("sessions", sessions_json(*in.history));
    if (const auto before = in.history->interventions_before(); before > 0)
      out.member("earlier_interventions", before);
    out.member("interventions", interventions_json(in.history->interventions()));
    out.member("warnings", warnings_json(in.history->warnings()));
  }
  out.member("errors_by_class", errors_by_class(in.state));
  if (const auto before = count_earlier_errors(in.state); before > 0)
    out.member("earlier_errors", before);
  out.member("critical_path", path_json(in));
  out.member("next_steps", steps_json(in));
  out.begin_array("phases");
  out.elements(in.state.phases.size(), [&in](json_writer& to, std::size_t i) {
    write_phase(to, in, static_cast<phase_index>(i));
  });
  out.end_array();
  out.end();
}

void write_status_json(std::ostream& stream, const report_input& in) {
  object_writer out{stream, in};
  write_head(out, in, "status");
  out.member("next_steps", steps_json(in));
  auto all = in.state.phases.size() <= status_lists_all_up_to;
  out.member("phases_listed", all ? "all" : "in_progress_waiting_or_ended_badly");
  out.begin_array("phases");
  std::size_t listed = 0;
  for (phase_index i = 0; i < in.state.phases.size(); ++i)
    if (all || (is_of_interest(in.state.phases[i].status) && listed < status_lists_all_up_to)) {
      out.element([&](json_writer& to) { write_brief(to, in, i); });
      ++listed;
    }
  out.end_array();
  out.end();
}

std::string status_report_name(std::int64_t time_us) {
  auto seconds = static_cast<std::time_t>(time_us / 1'000'000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::string buffer(32, '\0');
  buffer.resize(std::strftime(buffer.data(), buffer.size(), "%Y%m%d_%H%M%S", &parts));
  return "status_report_" + buffer + ".json";
}

} // namespace aeo::core
