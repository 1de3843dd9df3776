#include "tools/attach/stored_run.hpp"

#include "actors/core/execution_state.hpp"
#include "actors/core/lenient_json.hpp"
#include "actors/core/remote_view.hpp"
#include "actors/core/secret_mask.hpp"
#include "actors/io/event_tail.hpp"
#include "actors/io/host.hpp"
#include "actors/io/log_reader.hpp"
#include "actors/io/store.hpp"
#include "config/env_file.hpp"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <limits>
#include <unordered_map>
#include <utility>

namespace aeo::attach {

namespace {

namespace fs = std::filesystem;
using core::lenient::array;
using core::lenient::text;

std::unique_ptr<approval_policy> approval_of(const nlohmann::ordered_json& phase) {
  const auto& from = core::lenient::member(phase, "approval");
  if (!from.is_object())
    return nullptr;
  auto result = std::make_unique<approval_policy>();
  result->required = static_cast<std::uint32_t>(
      core::lenient::number(from, "required").value_or(result->required));
  if (from.contains("from")) {
    result->from.clear();
    for (const auto& who : array(from, "from"))
      if (who.is_string())
        result->from.push_back(who.get<std::string>());
  }
  result->allow_self = !from.contains("allow_self") || core::lenient::flag(from, "allow_self");
  return result;
}

/// What the log has of the plan: ids, dependencies, tasks and who approves.
plan plan_of(const std::string& canonical) {
  plan result;
  const auto document = core::lenient::object(canonical);
  std::unordered_map<std::string, phase_index> places;
  for (const auto& from : array(document, "phases")) {
    places.emplace(text(from, "id"), static_cast<phase_index>(result.phases.size()));
    auto& phase = result.phases.emplace_back();
    phase.id = text(from, "id");
    phase.approval = approval_of(from);
    for (const auto& task : array(from, "tasks"))
      phase.tasks.emplace_back().id = text(task, "id");
  }
  auto at = result.phases.begin();
  for (const auto& from : array(document, "phases")) {
    for (const auto& id : array(from, "dependencies"))
      if (id.is_string())
        if (const auto found = places.find(id.get<std::string>()); found != places.end())
          at->dependencies.push_back(found->second);
    ++at;
  }
  return result;
}

void add_env_file(const fs::path& file, env_list& to) {
  std::ifstream in{file, std::ios::binary};
  const std::string all{std::istreambuf_iterator<char>{in}, {}};
  for (auto& x : config::parse_env(all).variables)
    to.push_back(std::move(x));
}

/// What the tasks could know: this process's variables and those of the .env files.
core::secret_mask mask_of(const fs::path& workspace) {
  env_list all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view line{*entry};
    if (const auto equals = line.find('='); equals != line.npos)
      all.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  }
  add_env_file(workspace / ".env", all);
  add_env_file(workspace / "config" / ".env", all);
  return core::secret_mask{all};
}

/// Events of phases that the plan lost since are passed over, as a resume does.
caf::error replay(io::event_store& store, const run_context& context, core::execution_state& state,
                  io::event_tail& newest) {
  caf::error damage;
  auto err = store.read(context.execution, 0, [&](event&& e) {
    newest.add(e);
    const auto known = e.phase.empty() || (*context.lookup)(e.phase) != core::phase_lookup::npos;
    if (!known)
      state.last_seq = e.seq;
    else if (!core::apply(state, *context.lookup, e))
      damage = caf::make_error(ec::corrupt_state, "the event log does not fit together at event "
                                                      + std::to_string(e.seq));
    return !damage;
  });
  return err ? err : damage;
}

} // namespace

caf::expected<std::unique_ptr<stored_run>> stored_run::open(const fs::path& workspace) {
  const auto file = workspace / "consolidation" / "execution.db";
  auto store = io::open_store_read_only(file);
  if (!store)
    return std::move(store.error());
  auto row = (*store)->last_execution();
  if (!row)
    return row.error();
  if (!*row)
    return caf::make_error(ec::not_found, "nothing was ever run in " + workspace.string());
  auto the_plan = std::make_shared<const plan>(plan_of((*row)->plan_text));
  run_context context;
  context.the_plan = the_plan;
  context.execution = (*row)->id;
  context.workspace = fs::absolute(workspace).lexically_normal();
  context.started_by = (*row)->started_by;
  context.now_us = io::now_us;
  context.steady_us = io::steady_us;
  context.lookup = std::make_shared<const core::phase_lookup>(*the_plan);

  core::execution_state state;
  state.id = context.execution;
  state.phases.resize(the_plan->phases.size());
  io::event_tail newest;
  if (auto err = replay(**store, context, state, newest))
    return err;
  state.chain_head = (*store)->head();
  std::unique_ptr<stored_run> result{new stored_run};
  const auto typical = io::typical_durations(*the_plan, file, context.execution);
  result->view_ = core::make_run_view(*the_plan, state, typical, state.updated_us, 0,
                                      std::numeric_limits<std::size_t>::max());
  result->view_.workspace = context.workspace.string();
  result->view_.recent.assign(newest.newest().begin(), newest.newest().end());
  auto& deps = result->archive_.deps;
  deps.context = std::make_shared<const run_context>(std::move(context));
  deps.open = [file] { return io::open_store_read_only(file); };
  deps.executions = [file] {
    constexpr std::size_t most = 50;
    return io::past_executions(file, most);
  };
  deps.read = [mask = mask_of(workspace)](const std::string& log, std::uint64_t& offset,
                                          std::size_t limit, bool complete) {
    return io::read_part(log, offset, limit, complete, mask);
  };
  return result;
}

caf::expected<std::string> stored_run::ask(const std::string& what, const std::string& about) {
  return archive_.answer(what, about);
}

caf::expected<log_page> stored_run::read(const log_request& request) {
  return archive_.part_of_log(request);
}

} // namespace aeo::attach
