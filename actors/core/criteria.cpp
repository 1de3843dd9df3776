#include "actors/core/criteria.hpp"

#include "actors/core/json_probe.hpp"
#include "actors/core/lenient_json.hpp"
#include "actors/core/retry_rules.hpp"
#include "actors/core/schema_check.hpp"
#include "actors/core/sha256.hpp"
#include "actors/core/text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <unordered_map>

namespace aeo::core {

namespace {

using nlohmann::json;

constexpr std::uint64_t max_json_bytes = 256 * 1024 * 1024;
constexpr std::uint64_t max_schema_bytes = 16 * 1024 * 1024;

std::string not_measured(const std::string& why) {
  return "not_measured (" + why + ")";
}

/// "2026-11-20T07:05:00Z".
std::string utc(std::int64_t time_us) {
  const auto seconds = static_cast<std::time_t>(time_us / 1'000'000);
  std::tm tm{};
  std::array<char, 32> text{};
  if (!gmtime_r(&seconds, &tm) || !std::strftime(text.data(), text.size(), "%FT%TZ", &tm))
    return "at an unknown time";
  return text.data();
}

/// A check with what of it goes into the digest: an age, for one, is never twice the same.
struct finding {
  check_result shown;
  bool lasting = true;
};

/// `exact` and numbers: 1 == 1.0, and an unsigned number never equals a negative one.
bool same_value(const json& a, const json& b) {
  const bool mixed = (a.is_number_unsigned() && b.type() == json::value_t::number_integer)
                     || (b.is_number_unsigned() && a.type() == json::value_t::number_integer);
  if (mixed) {
    const auto& negative = a.is_number_unsigned() ? b : a;
    if (negative.get<std::int64_t>() < 0)
      return false;
  }
  return a == b;
}

std::string text_of(const json& x) {
  return one_line(lenient::dump(x));
}

/// The reason that stands in place of a value, if one does.
std::optional<std::string> missing_reason(const json& x) {
  if (x.is_string() && x.get_ref<const std::string&>() == "not_measured")
    return "no reason given";
  if (!x.is_object() || !x.contains("not_measured"))
    return std::nullopt;
  const auto& why = x["not_measured"];
  return why.is_string() ? one_line(why.get_ref<const std::string&>()) : text_of(why);
}

/// "6" rather than "6.0".
std::string number(double x) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), x).ptr};
}

std::string expected_metric(const check_def& def) {
  if (!def.exact.empty())
    return one_line(def.exact);
  std::string text;
  if (def.min)
    text = ">= " + number(*def.min);
  if (def.max)
    text += (text.empty() ? "<= " : " and <= ") + number(*def.max);
  return text.empty() ? "a value" : text;
}

bool meets(const check_def& def, const json& value) {
  if (!def.exact.empty()) {
    const auto wanted = json::parse(def.exact, nullptr, false);
    return !wanted.is_discarded() && same_value(value, wanted);
  }
  if (!def.min && !def.max)
    return true;
  if (!value.is_number())
    return false;
  const auto x = value.get<double>();
  return (!def.min || x >= *def.min) && (!def.max || x <= *def.max);
}

class evaluation {
public:
  evaluation(const fingerprints& before, const std::vector<command_result>& commands,
             file_access& files)
      : commands_(commands), files_(files) {
    for (const auto& [path, fingerprint] : before)
      before_.emplace(path, fingerprint);
  }

  void output(const gate_output& output) {
    const auto& path = output.path;
    const auto now = files_.fingerprint(path);
    const auto digest = now.empty() ? result<file_digest>::failed("absent") : files_.digest(path);
    if (digest)
      gate_.outputs.push_back({path, digest->bytes, digest->sha256});
    if (output.role == output_role::recorded)
      return;
    check_result r{std::string{to_string(output.role)} + " " + one_line(path), false, "fresh file",
                   freshness(path, now)};
    if (r.actual.empty() && digest) {
      r.passed = true;
      r.actual = "fresh, " + std::to_string(digest->bytes) + " bytes";
    } else if (r.actual.empty()) {
      r.actual = not_measured(digest.error);
    }
    add({std::move(r)});
  }

  void check(std::size_t index, const check_def& def) {
    switch (def.type) {
    case check_type::file_exists:
      return add(file_exists(def));
    case check_type::json_valid:
      return add(json_valid(def));
    case check_type::metric_threshold:
      return add(metric(def));
    case check_type::json_schema:
      return add(schema(def));
    case check_type::command:
      return add(command(index, def));
    case check_type::file_count:
      return add(file_count(def));
    case check_type::max_age:
      return add(max_age(def));
    }
  }

  gate_result finish(const phase_def& phase) {
    sum_.field(definition_digest(phase));
    for (const auto& each : gate_.outputs)
      sum_.field(each.path).field(each.sha256);
    gate_.digest = sum_.hex();
    gate_.passed = std::all_of(gate_.checks.begin(), gate_.checks.end(),
                               [](const auto& each) { return each.passed; });
    return std::move(gate_);
  }

private:
  void add(finding f) {
    sum_.field(f.shown.check).field(f.shown.expected).field(f.shown.passed ? "passed" : "failed");
    sum_.field(f.lasting ? f.shown.actual : std::string{});
    gate_.checks.push_back(std::move(f.shown));
  }

  /// Empty when the output is fresh, else what it is.
  std::string freshness(const std::string& path, const std::string& now) {
    if (now.empty())
      return "absent";
    if (now.starts_with('?'))
      return not_measured(files_.digest(path).error);
    const auto known = before_.find(path);
    if (known == before_.end())
      return not_measured("nothing is known of it from before this attempt");
    if (known->second.starts_with('?'))
      return not_measured("it could not be read before this attempt");
    if (known->second != now)
      return {};
    auto age = files_.age(path);
    return "unchanged since before this attempt"
           + (age ? " (written " + utc(age->modified_us) + ")" : std::string{});
  }

  finding file_exists(const check_def& def) {
    const auto now = files_.fingerprint(def.path);
    const bool known = !now.starts_with('?');
    return {{"file_exists " + one_line(def.path), known && !now.empty(), "exists",
             !known        ? not_measured(files_.digest(def.path).error)
             : now.empty() ? "absent"
                           : "exists"}};
  }

  finding json_valid(const check_def& def) {
    finding f{{"json_valid " + one_line(def.path), false, "valid JSON", {}}};
    if (auto text = files_.read(def.path, max_json_bytes); !text) {
      f.shown.actual = not_measured(text.error);
    } else {
      const auto problem = json_problem(*text);
      f.shown.passed = problem.empty();
      f.shown.actual = problem.empty() ? "valid JSON" : "not valid: " + problem;
    }
    return f;
  }

  finding metric(const check_def& def) {
    finding f{{"metric_threshold " + one_line(def.path + "#" + def.metric),
               false,
               expected_metric(def),
               {}}};
    auto& actual = f.shown.actual;
    auto text = files_.read(def.path, max_json_bytes);
    auto found =
        text ? json_find(*text, def.metric) : result<std::optional<json>>::failed(text.error);
    if (!found) {
      actual = not_measured(found.error);
    } else if (!*found) {
      actual = not_measured("the file has no such value");
    } else if (auto why = missing_reason(**found)) {
      actual = not_measured(*why);
    } else {
      f.shown.passed = meets(def, **found);
      actual = text_of(**found);
      if (def.exact.empty() && (def.min || def.max) && !(*found)->is_number())
        actual += " (not a number)";
    }
    return f;
  }

  finding schema(const check_def& def) {
    finding f{{"json_schema " + one_line(def.path), false, "valid by " + one_line(def.schema), {}}};
    auto schema = files_.read(def.schema, max_schema_bytes);
    auto text = files_.read(def.path, max_schema_bytes);
    if (!schema || !text) {
      f.shown.actual = not_measured(text ? "schema: " + schema.error : text.error);
      return f;
    }
    auto verdict = check_schema(*text, *schema);
    f.shown.passed = verdict.measured && verdict.passed;
    f.shown.actual = verdict.measured ? verdict.text : not_measured(verdict.text);
    return f;
  }

  finding command(std::size_t index, const check_def& def) {
    const bool shell = def.command.size() == 3 && def.command[0] == "/bin/sh";
    std::string text = shell ? def.command[2] : std::string{};
    for (std::size_t i = 0; !shell && i < def.command.size(); ++i)
      text += (i > 0 ? " " : "") + def.command[i];
    finding f{{"command " + one_line(text), false, "exit " + std::to_string(def.expect_exit), {}}};
    auto run = std::find_if(commands_.begin(), commands_.end(),
                            [&](const auto& each) { return each.check_index == index; });
    if (run == commands_.end()) {
      f.shown.actual = not_measured("the command was not run");
      return f;
    }
    const auto& exit = run->exit;
    f.shown.passed = exit.kind == exit_kind::exited && exit.code == def.expect_exit;
    f.shown.actual =
        exit.kind == exit_kind::exited ? "exit " + std::to_string(exit.code) : describe(exit);
    if (!f.shown.passed && !run->tail.empty())
      f.shown.actual += ": " + last_line(run->tail);
    return f;
  }

  static std::string last_line(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
      text.remove_suffix(1);
    const auto begin = text.rfind('\n');
    return one_line(begin == std::string_view::npos ? text : text.substr(begin + 1));
  }

  finding file_count(const check_def& def) {
    finding f{{"file_count " + one_line(def.path), false, expected_metric(def) + " files", {}}};
    if (auto found = files_.glob(def.path); !found) {
      f.shown.actual = not_measured(found.error);
    } else {
      f.shown.passed = meets(def, found->size());
      f.shown.actual = std::to_string(found->size());
    }
    return f;
  }

  finding max_age(const check_def& def) {
    finding f{{"max_age " + one_line(def.path),
               false,
               "at most " + format_duration(def.age) + " old",
               {}}};
    if (auto found = files_.age(def.path); !found) {
      f.shown.actual = not_measured(found.error);
    } else {
      f.lasting = false;
      f.shown.passed = found->age <= def.age;
      f.shown.actual =
          format_duration(found->age) + " old (written " + utc(found->modified_us) + ")";
    }
    return f;
  }

  std::unordered_map<std::string_view, std::string_view> before_;
  const std::vector<command_result>& commands_;
  file_access& files_;
  gate_result gate_;
  sha256 sum_;
};

} // namespace

std::string_view to_string(output_role x) {
  return x == output_role::required ? "required_output" : "task_output";
}

std::vector<gate_output> gate_outputs(const phase_def& phase) {
  std::vector<gate_output> outputs;
  std::unordered_map<std::string_view, std::size_t> seen;
  auto add = [&](const std::vector<std::string>& paths, output_role role) {
    for (const auto& path : paths)
      if (auto [found, is_new] = seen.try_emplace(path, outputs.size()); is_new)
        outputs.push_back({path, role});
      else // The strictest role counts.
        outputs[found->second].role = std::min(outputs[found->second].role, role);
  };
  if (phase.criteria)
    add(phase.criteria->required_outputs, output_role::required);
  for (const auto& task : phase.tasks)
    add(task.outputs, task.continue_on_error ? output_role::recorded : output_role::promised);
  return outputs;
}

bool has_empty_gate(const phase_def& phase) {
  return gate_outputs(phase).empty() && (!phase.criteria || phase.criteria->checks.empty());
}

bool is_strict(const task_def& task) {
  return task.on_crash == crash_policy::ask || task.on_crash == crash_policy::fail;
}

bool begins_with_its_task(const phase_def& phase) {
  return phase.tasks.size() == 1 && !is_strict(phase.tasks.front()) && gate_outputs(phase).empty();
}

fingerprints take_fingerprints(const phase_def& phase, file_access& files) {
  fingerprints taken;
  for (auto& [path, role] : gate_outputs(phase)) {
    auto text = files.fingerprint(path);
    taken.emplace_back(std::move(path), std::move(text));
  }
  files.settle(taken);
  return taken;
}

gate_result evaluate(const phase_def& phase, const fingerprints& before,
                     const std::vector<command_result>& commands, file_access& files) {
  evaluation e{before, commands, files};
  for (const auto& output : gate_outputs(phase))
    e.output(output);
  if (phase.criteria)
    for (std::size_t i = 0; i < phase.criteria->checks.size(); ++i)
      e.check(i, phase.criteria->checks[i]);
  return e.finish(phase);
}

} // namespace aeo::core
