#include "config/config.hpp"
#include "config/env_file.hpp"
#include "config/json_text.hpp"
#include "config/values.hpp"

#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>

namespace aeo::config {

namespace {

using json = nlohmann::ordered_json;

constexpr std::string_view head = "{\"aeo_plan\":1,\"phases\":[\n";
constexpr std::string_view tail = "]}\n";

void put(json& out, const char* key, duration value, duration standard = duration{0}) {
  if (value != standard)
    out[key] = format_duration(value);
}

void put(json& out, const char* key, const std::vector<std::string>& value) {
  if (!value.empty())
    out[key] = value;
}

std::string dumped(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// A JSON object member by member: large plans have too many for values of their own.
class object_text {
public:
  void put(std::string_view key, std::string_view value) {
    begin(key);
    append_json_string(text_, value);
  }
  void put(std::string_view key, const std::vector<std::string>& values) {
    if (values.empty())
      return;
    begin(key);
    text_ += '[';
    for (const auto& value : values) {
      append_json_string(text_, value);
      text_ += ',';
    }
    text_.back() = ']';
  }
  void put(std::string_view key, duration value) {
    if (value != duration{0})
      put(key, format_duration(value));
  }
  void put_json(std::string_view key, std::string_view json_text) {
    begin(key);
    text_ += json_text;
  }
  std::string end() && {
    text_ += '}';
    return std::move(text_);
  }

private:
  void begin(std::string_view key) {
    text_.append(text_.size() == 1 ? "\"" : ",\"").append(key).append("\":");
  }
  std::string text_ = "{";
};

std::string task_text(const phase_def& phase, task_index index) {
  const auto& task = phase.tasks[index];
  object_text out;
  out.put("id", task.id);
  out.put("command", task.command);
  out.put("outputs", task.outputs);
  auto usual = index > 0 ? std::vector<task_index>{index - 1} : std::vector<task_index>{};
  if (task.needs != usual) {
    std::vector<std::string> needs;
    needs.reserve(task.needs.size());
    for (auto i : task.needs)
      needs.push_back(phase.tasks[i].id);
    std::sort(needs.begin(), needs.end());
    out.put_json("needs", dumped(needs)); // Also where there are none.
  }
  json env;
  for (const auto& [name, value] :
       std::map<std::string, std::string>(task.env.begin(), task.env.end()))
    env[name] = is_secret_name(name) ? "(secret)" : value;
  if (!env.empty())
    out.put_json("env", dumped(env));
  if (!task.cwd.empty())
    out.put("cwd", task.cwd);
  out.put("timeout", task.timeout);
  if (task.on_crash != crash_policy::adopt)
    out.put("on_crash", to_string(task.on_crash));
  if (task.continue_on_error)
    out.put_json("continue_on_error", "true");
  if (task.max_processes)
    out.put_json("max_processes", std::to_string(*task.max_processes));
  return std::move(out).end();
}

json approval_json(const approval_policy& policy) {
  static const approval_policy standard;
  json out;
  out["mode"] = policy.mode == approval_mode::manual ? "manual" : "auto";
  if (policy.required != standard.required)
    out["required"] = policy.required;
  if (auto from = policy.from; from != standard.from) {
    std::sort(from.begin(), from.end());
    out["from"] = from;
  }
  if (!policy.allow_self)
    out["allow_self"] = false;
  put(out, "deadline", policy.deadline);
  if (policy.on_deadline != standard.on_deadline)
    out["on_deadline"] = "keep_waiting";
  return out;
}

json retry_json(const retry_policy& policy, const retry_policy& usual) {
  json out = json::object();
  if (policy.max_retries != usual.max_retries)
    out["max_retries"] = policy.max_retries;
  put(out, "retry_delay", policy.retry_delay, usual.retry_delay);
  if (policy.backoff_multiplier != usual.backoff_multiplier)
    out["backoff_multiplier"] = policy.backoff_multiplier;
  put(out, "max_retry_delay", policy.max_retry_delay, usual.max_retry_delay);
  if (policy.full_jitter != usual.full_jitter)
    out["jitter"] = policy.full_jitter ? "full" : "none";
  return out;
}

json check_json(const check_def& check) {
  json out;
  out["type"] = to_string(check.type);
  if (!check.path.empty())
    out["path"] = check.path;
  if (!check.metric.empty())
    out["metric"] = check.metric;
  if (!check.schema.empty())
    out["schema"] = check.schema;
  if (check.min)
    out["min"] = *check.min;
  if (check.max)
    out["max"] = *check.max;
  if (!check.exact.empty())
    out["exact"] = check.exact;
  put(out, "command", check.command);
  if (check.expect_exit != 0)
    out["expect_exit"] = check.expect_exit;
  put(out, "age", check.age);
  return out;
}

json criteria_json(const criteria_def& criteria) {
  json out = json::object();
  put(out, "required_outputs", criteria.required_outputs);
  for (const auto& check : criteria.checks)
    out["validation_checks"].push_back(check_json(check));
  return out;
}

struct digest_deleter {
  void operator()(EVP_MD_CTX* x) const { EVP_MD_CTX_free(x); }
};

std::string hex(const unsigned char* bytes, std::size_t count) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (std::size_t i = 0; i < count; ++i) {
    result += digits[bytes[i] >> 4];
    result += digits[bytes[i] & 15];
  }
  return result;
}

// -- differences ----------------------------------------------------------------------------------

using phase_lines = std::map<std::string, std::string_view, decltype(&natural_less)>;

/// The id in a canonical line: it is the first member and needs no escapes.
std::string_view id_of(std::string_view line) {
  constexpr std::string_view before = "{\"id\":\"";
  if (!line.starts_with(before))
    return {};
  auto end = line.find('"', before.size());
  return end == std::string_view::npos ? std::string_view{}
                                       : line.substr(before.size(), end - before.size());
}

/// The lines of a canonical text by phase; false: it is not canonical.
bool split(std::string_view text, phase_lines& out) {
  if (!text.starts_with(head) || !text.ends_with(tail))
    return false;
  text.remove_prefix(head.size());
  text.remove_suffix(tail.size());
  while (!text.empty()) {
    auto end = text.find('\n');
    if (end == std::string_view::npos)
      return false;
    auto line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.ends_with(','))
      line.remove_suffix(1);
    auto id = id_of(line);
    if (id.empty() || !out.emplace(std::string{id}, line).second)
      return false;
  }
  return true;
}

std::string value_text(const json* value) {
  if (value == nullptr)
    return "(none)";
  return shortened(value->is_string() ? value->get<std::string>()
                                      : value->dump(-1, ' ', false, json::error_handler_t::replace),
                   200);
}

const json* member(const json& object, const std::string& key) {
  auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() ? nullptr : &*found;
}

bool is_list_of_objects(const json& x) {
  return x.is_array() && !x.empty() && std::all_of(x.begin(), x.end(), [](const json& element) {
           return element.is_object();
         });
}

/// One line per element that only one of them has.
void diff_elements(const std::string& prefix, const json& before, const json& after,
                   std::vector<std::string>& out) {
  auto name_missing = [&](const json& from, const json& in, const char* what) {
    auto named = false;
    for (const auto& element : from)
      if (std::find(in.begin(), in.end(), element) == in.end()) {
        out.push_back(prefix + value_text(&element) + what);
        named = true;
      }
    return named;
  };
  auto removed = name_missing(before, after, " removed");
  auto added = name_missing(after, before, " added");
  if (!removed && !added)
    out.push_back(prefix + (before.size() == after.size() ? "order" : "number of equal elements")
                  + " changed");
}

/// One line per member that differs, but for those in `skip`.
void diff_members(const std::string& prefix, const json& before, const json& after,
                  std::string_view skip, std::vector<std::string>& out) {
  std::vector<std::string> keys;
  for (const auto* side : {&before, &after})
    for (const auto& [key, value] : side->items())
      if (key != skip && std::find(keys.begin(), keys.end(), key) == keys.end())
        keys.push_back(key);
  for (const auto& key : keys) {
    const auto* a = member(before, key);
    const auto* b = member(after, key);
    if (a != nullptr && b != nullptr && *a == *b)
      continue;
    if (a != nullptr && b != nullptr && a->is_object() && b->is_object())
      diff_members(prefix + key + ": ", *a, *b, {}, out);
    else if (a != nullptr && b != nullptr && is_list_of_objects(*a) && is_list_of_objects(*b))
      diff_elements(prefix + key + ": ", *a, *b, out);
    else
      out.push_back(prefix + key + " changed: " + value_text(a) + " → " + value_text(b));
  }
}

const json* task_of(const json& tasks, const json& id) {
  for (const auto& task : tasks)
    if (const auto* other = member(task, "id"); other != nullptr && *other == id)
      return &task;
  return nullptr;
}

void diff_tasks(const std::string& prefix, const json& before, const json& after,
                std::vector<std::string>& out) {
  static const json none = json::array();
  const auto* a = member(before, "tasks");
  const auto* b = member(after, "tasks");
  const auto& old_tasks = a != nullptr ? *a : none;
  const auto& new_tasks = b != nullptr ? *b : none;
  std::vector<json> kept_before;
  std::vector<json> kept_after;
  for (const auto& task : old_tasks) {
    const auto& id = task.at("id");
    const auto* now = task_of(new_tasks, id);
    if (now == nullptr) {
      out.push_back(prefix + "task " + value_text(&id) + " removed");
      continue;
    }
    kept_before.push_back(id);
    diff_members(prefix + "task " + value_text(&id) + ": ", task, *now, {}, out);
  }
  for (const auto& task : new_tasks) {
    const auto& id = task.at("id");
    if (task_of(old_tasks, id) == nullptr)
      out.push_back(prefix + "task " + value_text(&id) + " added");
    else
      kept_after.push_back(id);
  }
  if (kept_before != kept_after)
    out.push_back(prefix + "order of the tasks changed");
}

void diff_phase(const std::string& id, std::string_view old_line, std::string_view new_line,
                std::vector<std::string>& out) {
  auto prefix = "phase " + id + ": ";
  auto before = json::parse(old_line, nullptr, false);
  auto after = json::parse(new_line, nullptr, false);
  auto readable = [](const json& x) {
    const auto* tasks = member(x, "tasks");
    return tasks != nullptr && tasks->is_array()
           && std::all_of(tasks->begin(), tasks->end(),
                          [](const json& task) { return member(task, "id") != nullptr; });
  };
  if (!readable(before) || !readable(after)) {
    out.push_back(prefix + "changed (the stored text is damaged)");
    return;
  }
  diff_members(prefix, before, after, "tasks", out);
  diff_tasks(prefix, before, after, out);
}

} // namespace

std::string canonical_phase(const plan& p, const phase_def& phase) {
  object_text out;
  out.put("id", phase.id);
  std::vector<std::string> ids;
  ids.reserve(phase.dependencies.size());
  for (auto i : phase.dependencies)
    ids.push_back(p.phases[i].id);
  out.put("dependencies", ids);
  out.put("timeout", phase.timeout);
  out.put("total_timeout", phase.total_timeout);
  if (phase.approval)
    if (auto approval = approval_json(*phase.approval); approval != json{{"mode", "auto"}})
      out.put_json("approval", dumped(approval));
  if (phase.retry)
    if (auto retry = retry_json(*phase.retry, p.options.retry); !retry.empty())
      out.put_json("retry", dumped(retry));
  std::string tasks = "[";
  for (task_index i = 0; i < phase.tasks.size(); ++i)
    tasks.append(i == 0 ? "" : ",").append(task_text(phase, i));
  out.put_json("tasks", tasks += ']');
  if (phase.criteria && !phase.criteria->empty())
    out.put_json("criteria", dumped(criteria_json(*phase.criteria)));
  return std::move(out).end();
}

void write_canonical(const plan& p, const text_sink& sink) {
  std::vector<const phase_def*> order;
  order.reserve(p.phases.size());
  for (const auto& phase : p.phases)
    order.push_back(&phase);
  auto less = [](const auto* a, const auto* b) { return natural_less(a->id, b->id); };
  if (!std::is_sorted(order.begin(), order.end(), less))
    std::sort(order.begin(), order.end(), less);
  sink(head);
  for (const auto* phase : order) {
    auto line = canonical_phase(p, *phase);
    line += phase == order.back() ? "\n" : ",\n";
    sink(line);
  }
  sink(tail);
}

std::string canonical_text(const plan& p) {
  std::string result;
  write_canonical(p, [&](std::string_view piece) { result += piece; });
  return result;
}

std::string plan_hash(const plan& p) {
  std::unique_ptr<EVP_MD_CTX, digest_deleter> context{EVP_MD_CTX_new()};
  // OpenSSL fails here only without memory.
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1)
    throw std::bad_alloc{};
  write_canonical(p, [&](std::string_view piece) {
    EVP_DigestUpdate(context.get(), piece.data(), piece.size());
  });
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(context.get(), digest.data(), &size);
  return hex(digest.data(), size);
}

std::vector<std::string> diff_plans(std::string_view old_text, std::string_view new_text) {
  std::vector<std::string> result;
  if (old_text == new_text)
    return result;
  phase_lines before{&natural_less};
  phase_lines after{&natural_less};
  if (!split(old_text, before))
    return {"the stored plan cannot be read; what changed since is unknown"};
  if (!split(new_text, after))
    return {"the new plan is not in canonical form; what changed is unknown"};
  for (const auto& [id, line] : before) {
    auto now = after.find(id);
    if (now == after.end())
      result.push_back("phase " + id + " removed");
    else if (now->second != line)
      diff_phase(id, line, now->second, result);
  }
  for (const auto& [id, line] : after)
    if (before.find(id) == before.end())
      result.push_back("phase " + id + " added");
  return result;
}

std::vector<std::string> redefined_phases(std::string_view old_text, std::string_view new_text) {
  phase_lines before{&natural_less};
  phase_lines after{&natural_less};
  std::vector<std::string> result;
  if (!split(old_text, before) || !split(new_text, after))
    return result;
  for (const auto& [id, line] : before)
    if (const auto now = after.find(id); now != after.end() && now->second != line)
      result.push_back(id);
  return result;
}

} // namespace aeo::config
