#include "tools/consolidate/phase14.hpp"

#include "tools/consolidate/checklist.hpp"
#include "tools/consolidate/execution_record.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/history.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/recovery_drill.hpp"
#include "tools/consolidate/wording.hpp"

#include <algorithm>
#include <optional>

namespace aeo::consolidate {

namespace {

constexpr std::size_t listed_places = 200;
constexpr const char* backup_phase = "14";

/// Whose outputs a backup has. Phases that this one does not depend on may run after it.
struct coverage {
  ordered covered = ordered::array();
  ordered left = ordered::array(); ///< phase reason

  /// `phases 7, 12`; empty: none is left.
  std::string left_phases() const {
    std::string text = left.empty() ? "" : left.size() == 1 ? "phase " : "phases ";
    for (const auto& item : left)
      text += (&item == &left[0] ? "" : ", ") + item["phase"].get<std::string>();
    return text;
  }
};

/// The run as it is before anything is archived: what is approved by then does not change any more.
/// Nullopt: none can be read, `why` says for what reason. A backup is made all the same.
std::optional<execution_record> run_on_record(const step_context& context, std::string& why) {
  try {
    return read_execution(context, running_phase(backup_phase));
  } catch (const failure& problem) {
    why = problem.what();
    return std::nullopt;
  }
}

/// What of the phase the backup does not have; empty: it has all.
std::string missing_of(const phase_record& phase, const backup_set& set) {
  constexpr std::string_view root = "consolidation/";
  if (!phase.approved())
    return "was " + phase.status + " when the backup began";
  for (const auto& output : phase.outputs) {
    const auto shown = output.is_object() ? output.value("path", ordered()) : ordered();
    const auto path = shown.is_string() ? decode_path(shown.get<std::string>()) : std::string{};
    if (!path.starts_with(root) || is_below(path, "consolidation/monorepo"))
      continue;
    const auto entry =
        std::ranges::lower_bound(set.entries, path.substr(root.size()), {}, &archived_entry::path);
    if (entry == set.entries.end() || entry->path != path.substr(root.size()))
      return shown.get<std::string>() + " is not there";
  }
  return {};
}

coverage phases_in(const execution_record& run, const backup_set& set) {
  coverage result;
  for (const auto& phase : run.phases) {
    if (phase.status == "skipped")
      continue; // It has no outputs and will have none.
    const auto missing = missing_of(phase, set);
    if (missing.empty())
      result.covered.push_back(phase.id);
    else
      result.left.push_back({{"phase", phase.id}, {"reason", missing}});
  }
  return result;
}

checklist judge_drill(const drill& found) {
  checklist checks;
  if (!found.commands.empty())
    checks.add("configured commands that failed", 0, found.commands_failed);
  checks.add("the restore script ends with exit code", 0, found.restore.exit_code);
  checks.add("outputs that could not be read", 0, found.set.unreadable.size());
  checks.add("outputs that differ after the restore", 0, found.outputs.different.size());
  checks.add("outputs identical, or as they were when they were read", found.set.entries.size(),
             found.outputs.identical + found.outputs.changed_meanwhile.size());
  checks.add("the bundle is complete in itself", true, found.bundle_complete);
  checks.add("references of the monorepo that differ", 0, found.refs.different.size());
  checks.add("files of the monorepo that differ", 0, found.work_tree.different.size());
  checks.add("changes in the monorepo that are in no commit", 0, found.uncommitted);
  checks.add("git fsck of the restored monorepo is clean", true, found.fsck_clean);
  if (!found.database.empty())
    checks.add("the snapshot of the execution's database", "ok", printable(found.database, 300));
  return checks;
}

ordered places_json(const std::vector<left_out>& places, ordered list = ordered::array()) {
  for (std::size_t i = 0; i < std::min(places.size(), listed_places); ++i)
    list.push_back({{"path", encode_path(places[i].path)}, {"reason", places[i].reason}});
  return list;
}

std::string precise_time(std::int64_t ns) {
  auto text = iso_time(ns / 1'000'000'000);
  const auto milliseconds = std::to_string(ns / 1'000'000 % 1000);
  text.insert(text.size() - 1, "." + std::string(3 - milliseconds.size(), '0') + milliseconds);
  return text;
}

/// How much work a disaster right after the backup would cost.
ordered recovery_point(const drill& found) {
  const archived_entry* newest = nullptr;
  for (const auto& item : found.set.entries) {
    if (item.type == archived_entry::kind::file
        && (newest == nullptr || item.mtime > newest->mtime))
      newest = &item;
  }
  ordered changed = ordered::array();
  for (std::size_t i = 0; i < std::min(found.outputs.changed_meanwhile.size(), listed_places); ++i)
    changed.push_back(encode_path(found.outputs.changed_meanwhile[i]));
  ordered point{{"completed_at", precise_time(found.completed_ns)}};
  if (newest == nullptr) {
    point["age_seconds"] = not_measured("no output is covered");
  } else {
    const auto age_ms = std::max<std::int64_t>(0, found.completed_ns - newest->mtime) / 1'000'000;
    point["newest_change"] = precise_time(newest->mtime);
    point["newest_change_path"] = encode_path(newest->path);
    point["age_seconds"] = static_cast<double>(age_ms) / 1000;
  }
  point["changed_meanwhile_total"] = found.outputs.changed_meanwhile.size();
  point["changed_meanwhile"] = changed;
  return point;
}

ordered backup_files(const drill& found) {
  ordered list = ordered::array();
  for (const auto& [name, bytes] : found.files)
    list.push_back({{"path", "consolidation/backup/" + name}, {"bytes", bytes}});
  return list;
}

ordered steps_json() {
  ordered list = ordered::array();
  list.push_back({{"what", "all of the following in one go; the directory must be new or empty"},
                  {"command", "sh consolidation/backup/restore.sh DIRECTORY"}});
  for (const auto& item : restore_commands())
    list.push_back({{"what", item.what}, {"command", item.command}});
  list.push_back(
      {{"what", "go on with the execution where it stood, in a workspace with the sources"},
       {"command", "mv DIRECTORY WORKSPACE/consolidation && aeo-node --workspace WORKSPACE "
                   "--resume"}});
  return list;
}

ordered differences_json(const drill& found) {
  return places_json(found.work_tree.different,
                     places_json(found.refs.different, places_json(found.outputs.different)));
}

/// What a drill on one machine cannot do for people.
ordered open_decisions(const drill& found, const std::string& left_phases) {
  ordered list = ordered::array();
  list.push_back(
      "The backup lies beside the original, in consolidation/backup: decide where a copy "
      "of it is kept, and how often it is made anew.");
  if (!left_phases.empty())
    list.push_back("The backup was made before all outputs of " + left_phases
                   + " were there: make it anew when they are (aeo-node --resume --only "
                   + running_phase(backup_phase) + ").");
  if (found.uncommitted > 0)
    list.push_back("Commit or drop the changes in consolidation/monorepo that are in no commit: "
                   "the bundle cannot have them.");
  return list;
}

ordered copy_elsewhere(const drill& found) {
  if (!found.carried)
    return {{"status", "not_configured"}, {"commands", found.commands}};
  auto copy = found.fetched ? ordered{{"status", "restored"}}
                            : not_measured("no backup command named fetch brings it back");
  copy["commands"] = found.commands;
  return copy;
}

ordered plan_json(const drill& found, const checklist& checks, const std::string& left_phases) {
  return {{"restored_equals_original", checks.all()},
          {"files_covered", found.set.files()},
          {"bytes_covered", found.set.bytes()},
          {"entries_covered", found.set.entries.size()},
          {"entries_identical", found.outputs.identical},
          {"files_different", found.outputs.different.size()},
          {"files_unreadable", found.set.unreadable.size()},
          {"refs_total", found.refs.compared},
          {"refs_different", found.refs.different.size()},
          {"work_tree_files", found.work_tree.compared},
          {"work_tree_different", found.work_tree.different.size()},
          {"uncommitted_changes", found.uncommitted},
          {"fsck_clean", found.fsck_clean},
          {"checks", checks.json()},
          {"decisions", open_decisions(found, left_phases)},
          {"copy_elsewhere", copy_elsewhere(found)},
          {"backup_seconds", found.backup_seconds},
          {"recovery_time",
           {{"seconds", found.restore_seconds},
            {"how", "wall time of restore.sh, its own checks included"}}},
          {"recovery_point", recovery_point(found)},
          {"backup",
           {{"directory", "consolidation/backup"},
            {"kept", found.kept},
            {"files", backup_files(found)}}},
          {"recovery_steps", steps_json()},
          {"needs", {"sh", "git", "tar", "gzip", "sha256sum"}},
          {"not_covered", places_json(found.set.excluded)},
          {"unreadable", places_json(found.set.unreadable)},
          {"differences", differences_json(found)},
          {"restore_output", printable(trim(found.restore.err), 2000)}};
}

} // namespace

step_result disaster_recovery(const step_context& context) {
  read_output(context, "repository_consolidation/conflict_resolution.json", "conflict-resolution");
  if (!git::is_repository(context.consolidation() + "/monorepo"))
    throw failure(exit_status::no_input,
                  context.consolidation()
                      + "/monorepo: is missing (run `aeo-consolidate conflict-resolution` first)");
  std::string no_run;
  const auto run = run_on_record(context, no_run);
  const auto found = run_drill(context, [](const drill& done) { return judge_drill(done).all(); });
  const auto checks = judge_drill(found);
  const auto phases = run ? phases_in(*run, found.set) : coverage{};
  const auto left = phases.left_phases();
  auto document = plan_json(found, checks, left);
  document["phases_in_backup"] = run ? phases.covered : not_measured(no_run);
  document["phases_not_in_backup"] = phases.left;
  const auto amount =
      counted(found.set.files(), "file") + " and " + counted(found.refs.compared, "reference");
  const auto without = left.empty() ? "" : "; without all outputs of " + left;
  return {std::move(document),
          (checks.all()
               ? amount + " backed up, restored in "
                     + std::to_string(found.restore_seconds).substr(0, 5) + " s, identical"
               : amount + " backed up, but the restored ones are not the originals (see checks)")
              + without};
}

} // namespace aeo::consolidate
