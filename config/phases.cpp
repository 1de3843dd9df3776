#include "config/phases.hpp"

#include "config/settings.hpp"
#include "config/values.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace aeo::config {

namespace {

constexpr std::array<std::string_view, 6> reserved_variables = {
    "AEO_EXECUTION_ID", "AEO_PHASE", "AEO_TASK", "AEO_ATTEMPT", "AEO_WORKSPACE", "AEO_CONFIG_DIR"};

bool is_variable_name(std::string_view name) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && letter(name.front())
         && std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || digit(c); });
}

void read_env(const node& where, env_list& out) {
  if (!where.value().is_object()) {
    where.expected("an object of variable names and strings");
    return;
  }
  for (const auto& [name, value] : where.value().get_ref<const json::object_t&>()) {
    node item{where, name, value};
    auto reserved = std::find(reserved_variables.begin(), reserved_variables.end(), name);
    if (!is_variable_name(name))
      item.fail(in_quotes(name) + " is no name of a variable; allowed are A-Z a-z 0-9 _");
    else if (reserved != reserved_variables.end())
      item.fail(name + " is set by the orchestrator itself");
    else if (!value.is_string())
      item.expected("a string");
    else
      out.emplace_back(name, value.get_ref<const std::string&>());
  }
}

void read_task(const node& where, task_def& task) {
  object_reader keys{where,
                     {"id", "name", "command", "outputs", "needs", "env", "cwd", "timeout",
                      "on_crash", "continue_on_error", "max_processes"}};
  keys.require("id", [&](const node& x) { read_id(x, task.id); });
  keys.with("name", [&](const node& x) { read_text(x, task.name); });
  keys.require("command", [&](const node& x) { read_command(x, task.command); });
  keys.with("outputs", [&](const node& x) { read_paths(x, task.outputs); });
  keys.with("env", [&](const node& x) { read_env(x, task.env); });
  keys.with("cwd", [&](const node& x) { read_path(x, task.cwd); });
  keys.with("timeout", [&](const node& x) { read_duration(x, true, task.timeout); });
  keys.with("on_crash", [&](const node& x) { read_enum<crash_policy, 4>(x, task.on_crash); });
  keys.with("continue_on_error", [&](const node& x) { read_bool(x, task.continue_on_error); });
  keys.with("max_processes", [&](const node& x) {
    std::uint32_t count = 0;
    if (read_count(x, 0, most_processes, count))
      task.max_processes = count;
  });
  if (task.cwd == ".")
    task.cwd.clear();
}

using task_names = std::unordered_map<std::string_view, task_index>;

void read_need(const node& where, const task_names& names, task_index self,
               std::vector<task_index>& out) {
  std::string id;
  if (!read_id(where, id))
    return;
  auto found = names.find(id);
  if (found == names.end()) {
    std::vector<std::string_view> known;
    for (const auto& [name, index] : names)
      known.push_back(name);
    std::sort(known.begin(), known.end());
    auto near = nearest(id, known);
    where.fail("there is no task " + in_quotes(id) + " in this phase"
               + (near.empty() ? "" : "; did you mean " + in_quotes(near) + "?"));
  } else if (found->second == self) {
    where.fail("the task needs itself");
  } else if (std::find(out.begin(), out.end(), found->second) != out.end()) {
    where.fail(in_quotes(id) + " is listed twice");
  } else {
    out.push_back(found->second);
  }
}

/// The path of a cycle for people: "3 → 5 → 3".
template <class IdOf>
std::string cycle_text(const std::vector<std::uint32_t>& cycle, IdOf id_of) {
  std::string result;
  for (auto index : cycle)
    result += std::string{id_of(index)} + " → ";
  return result + std::string{id_of(cycle.front())};
}

void report_task_cycles(const node& where, const std::vector<task_def>& tasks) {
  std::vector<const std::vector<task_index>*> edges;
  edges.reserve(tasks.size());
  for (const auto& task : tasks)
    edges.push_back(&task.needs);
  for (const auto& cycle : find_cycles(edges)) {
    auto text = cycle_text(cycle, [&](auto i) -> const std::string& { return tasks[i].id; });
    node task{where, cycle.front(), where.value()[cycle.front()]};
    node{task, "needs", task.value()}.fail("the tasks need each other: " + text);
  }
}

/// `needs` in a second pass: it may name tasks that are listed later.
void read_needs(const node& where, std::vector<task_def>& tasks) {
  task_names names;
  bool explicit_needs = false;
  for (task_index i = 0; i < tasks.size(); ++i) {
    if (tasks[i].id.empty() || names.emplace(tasks[i].id, i).second)
      continue;
    node task{where, i, where.value()[i]};
    node{task, "id", task.value()}.fail("duplicate task id " + in_quotes(tasks[i].id)
                                        + "; it is also the id of task number "
                                        + std::to_string(names.at(tasks[i].id) + 1));
  }
  for (task_index i = 0; i < tasks.size(); ++i) {
    node task{where, i, where.value()[i]};
    auto found = task.value().is_object() ? task.value().find("needs") : task.value().end();
    if (found == task.value().end()) {
      if (i > 0)
        tasks[i].needs = {i - 1};
      continue;
    }
    explicit_needs = true;
    for_each_item(node{task, "needs", *found}, 0, "an array of task ids",
                  [&](const node& item) { read_need(item, names, i, tasks[i].needs); });
  }
  if (explicit_needs)
    report_task_cycles(where, tasks);
}

void read_tasks(const node& where, std::vector<task_def>& tasks) {
  if (where.value().is_array())
    tasks.reserve(where.value().size());
  bool good = for_each_item(where, 1, "an array of at least one task",
                            [&](const node& item) { read_task(item, tasks.emplace_back()); });
  if (good)
    read_needs(where, tasks);
}

/// More people asked for than there are names can never be reached; a role stands for any number.
void check_quorum(const node& where, const approval_policy& policy) {
  if (policy.required > policy.from.size()
      && std::count(policy.from.begin(), policy.from.end(), "operator") == 0)
    where.fail("\"required\" asks for " + std::to_string(policy.required)
               + " people, but \"from\" names only " + std::to_string(policy.from.size()));
}

void read_approvers(const node& where, std::vector<std::string>& to) {
  std::vector<std::string> from;
  if (!read_texts(where, 1, 256, from))
    return;
  for (std::size_t i = 0; i < from.size(); ++i)
    if (from[i] == "viewer")
      node{where, i, where.value()[i]}.fail(
          R"("viewer" may look and never approve; expected "operator" or names of people)");
  to = std::move(from);
}

void read_approval_object(const node& where, approval_policy& policy) {
  static constexpr std::array<std::string_view, 2> modes = {"auto", "manual"};
  static constexpr std::array<std::string_view, 2> actions = {"reject", "keep_waiting"};
  object_reader keys{where, {"mode", "required", "from", "allow_self", "deadline", "on_deadline"}};
  std::size_t choice = 0;
  // No default: who lists approvers and forgets the mode must not get a gate that opens by itself.
  keys.require("mode", [&](const node& x) {
    if (read_choice(x, modes, choice))
      policy.mode = static_cast<approval_mode>(choice);
  });
  keys.with("required", [&](const node& x) { read_count(x, 1, 1'000, policy.required); });
  keys.with("from", [&](const node& x) { read_approvers(x, policy.from); });
  keys.with("allow_self", [&](const node& x) { read_bool(x, policy.allow_self); });
  keys.with("deadline", [&](const node& x) { read_duration(x, true, policy.deadline); });
  keys.with("on_deadline", [&](const node& x) {
    if (read_choice(x, actions, choice))
      policy.on_deadline = static_cast<deadline_action>(choice);
  });
  check_quorum(where, policy);
}

void read_approval(const node& where, phase_def& phase) {
  const auto& value = where.value();
  if (value == "auto")
    return;
  if (value == "manual" || value.is_object())
    phase.approval = std::make_unique<approval_policy>();
  if (value == "manual")
    phase.approval->mode = approval_mode::manual;
  else if (value.is_object())
    read_approval_object(where, *phase.approval);
  else
    where.expected(R"("auto", "manual" or an object)");
}

void read_dependencies(const node& where, phase_table& table, phase_def& phase) {
  if (where.value().is_array())
    phase.dependencies.reserve(where.value().size());
  for_each_item(where, 0, "an array of phase ids", [&](const node& item) {
    auto id = no_symbol;
    if (!item.value().is_string())
      item.expected("the id of a phase (a string)");
    else
      id = table.ids.intern(item.value().get_ref<const std::string&>());
    phase.dependencies.push_back(id);
  });
}

void read_phase(const node& where, const retry_policy& defaults, phase_table& table,
                phase_def& phase) {
  object_reader keys{
      where, {"name", "dependencies", "timeout", "total_timeout", "approval", "retry", "tasks"}};
  keys.with("name", [&](const node& x) { read_text(x, phase.name); });
  keys.with("dependencies", [&](const node& x) { read_dependencies(x, table, phase); });
  keys.with("timeout", [&](const node& x) { read_duration(x, true, phase.timeout); });
  keys.with("total_timeout", [&](const node& x) {
    if (read_duration(x, true, phase.total_timeout) && phase.total_timeout < phase.timeout)
      x.fail(
          "the limit for all attempts is shorter than the one for a single attempt (\"timeout\")");
  });
  keys.with("approval", [&](const node& x) { read_approval(x, phase); });
  keys.with("retry", [&](const node& x) {
    phase.retry = std::make_unique<retry_policy>(defaults);
    read_retry_keys(
        object_reader{
            x, {"max_retries", "retry_delay", "backoff_multiplier", "max_retry_delay", "jitter"}},
        *phase.retry);
  });
  keys.require("tasks", [&](const node& x) { read_tasks(x, phase.tasks); });
}

/// Enters the phase under its id; a duplicate is reported and still read for its mistakes.
void add_phase(const node& where, const retry_policy& defaults, phase_table& table) {
  phase_def phase;
  phase.id = where.key();
  if (auto why = check_id(phase.id); !why.empty())
    where.fail(std::move(why));
  auto id = table.ids.intern(phase.id);
  if (table.phase_of.size() <= id)
    table.phase_of.resize(id + 1, no_phase);
  bool duplicate = table.phase_of[id] != no_phase;
  if (duplicate)
    where.fail("duplicate phase id " + in_quotes(phase.id));
  read_phase(where, defaults, table, phase);
  if (duplicate)
    return;
  table.phase_of[id] = static_cast<phase_index>(table.phases.size());
  table.phases.push_back(std::move(phase));
}

} // namespace

phase_index phase_table::find(std::string_view id) const {
  auto x = ids.find(id);
  return x < phase_of.size() ? phase_of[x] : no_phase;
}

void read_phases(const std::filesystem::path& path, document& doc, const retry_policy& defaults,
                 phase_table& table) {
  static const json nothing;
  node root{doc, nothing};
  node container{root, "phases", nothing};
  auto result = read_members(
      path, doc, "phases", [&](std::string_view parent, const std::string& key, const json& value) {
        if (!parent.empty())
          add_phase(node{container, key, value}, defaults, table);
        else if (key == "$schema")
          check_schema_key(node{root, key, value});
        else if (key == "phases")
          node{root, key, value}.expected("an object of phases by their ids");
        else
          node{root, key, value}.fail("unknown key " + in_quotes(key) + "; expected \"phases\"");
      });
  if (result == read_result::absent)
    doc.fail({}, "the file does not exist; it is required and defines the phases");
  table.complete = result == read_result::complete;
  if (table.complete && table.ids.size() == 0
      && std::none_of(doc.problems.begin(), doc.problems.end(),
                      [&](const problem& x) { return x.file == doc.file; }))
    container.fail("expected an object with at least one phase");
}

} // namespace aeo::config
