#include "tools/node/session.hpp"

#include "actors/core/decisions.hpp"
#include "actors/core/event_data.hpp"
#include "actors/core/graph.hpp"
#include "actors/core/lenient_json.hpp"
#include "actors/core/text.hpp"
#include "actors/core/timestamp.hpp"
#include "actors/io/host.hpp"
#include "actors/io/launcher_client.hpp"
#include "actors/io/state_file.hpp"
#include "messages/exit_code.hpp"
#include "tools/node/replay.hpp"
#include "tools/node/selection.hpp"
#include "tools/node/set_aside.hpp"

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

namespace aeo::node {

namespace {

using json = nlohmann::ordered_json;
namespace fs = std::filesystem;

fs::path state_file(const options& o) {
  return o.workspace / "consolidation" / "execution_state.json";
}

refusal refuse(const caf::error& err) {
  auto code = err == ec::workspace_locked                         ? exit_code::locked
              : err == ec::internal || err == ec::launcher_failed ? exit_code::internal
                                                                  : exit_code::configuration;
  return {code, message_of(err)};
}

std::string new_uuid() {
  std::random_device random;
  std::array<std::uint32_t, 4> word{random(), random(), random(), random()};
  word[1] = (word[1] & 0xffff0fffu) | 0x00004000u; // version 4
  word[2] = (word[2] & 0x3fffffffu) | 0x80000000u; // variant 1
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%08x-%04x-%04x-%04x-%04x%08x", word[0], word[1] >> 16,
                word[1] & 0xffff, word[2] >> 16, word[2] & 0xffff, word[3]);
  return text.data();
}

std::string who() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return io::user_name() + "@" + host.data();
}

std::string two_ways(const options& o) {
  auto command = "aeo-node --workspace " + core::shell_quote(o.workspace_as_typed);
  return "  continue it:            " + command
         + " --resume\n"
           "  or begin from scratch:  "
         + command + " --fresh";
}

/// A pause's data, with since when it holds.
std::string said_again(const event& pause) {
  auto data = core::lenient::object(pause.data);
  data.emplace("since_us", pause.time_us);
  return core::lenient::dump(data);
}

/// Makes the events that a session begins with.
class opener {
public:
  opener(const options& o, const configuration& c) : options_(o), config_(c) {}

  std::variant<session, refusal> open() {
    auto selected = select_phases(options_, *config_.the_plan);
    if (!selected)
      return refuse(selected.error());
    selected_ = std::move(*selected);
    auto lock = io::workspace_lock::acquire(options_.workspace, "aeo-node");
    if (!lock)
      return refuse(lock.error());
    if (auto err = open_store())
      return refuse(err);
    if (auto err = options_.resume ? resume() : begin())
      return refuse(err);
    return finish(std::move(*lock));
  }

private:
  const plan& the_plan() const { return *config_.the_plan; }

  void add(event_kind kind, std::string phase, std::string data) {
    first_events_.push_back({.time_us = io::now_us(),
                             .kind = kind,
                             .phase = std::move(phase),
                             .task = {},
                             .data = std::move(data)});
  }

  caf::error open_store() {
    auto file = database_file(options_);
    auto store = io::open_store(file);
    if (!store && options_.fresh && store.error() == ec::corrupt_state) {
      auto aside = set_aside(file, "damaged");
      if (!aside)
        return aside.error();
      notes_.push_back(message_of(store.error()));
      notes_.push_back("--fresh: the damaged database is kept as " + aside->string());
      store = io::open_store(file);
    }
    if (!store)
      return store.error();
    store_ = std::move(*store);
    auto last = store_->last_execution();
    if (!last)
      return last.error();
    if (*last) {
      replay_.row = **last;
      found_ = true;
    }
    replay_.state.phases.resize(the_plan().phases.size());
    history_ = std::make_unique<core::run_history>(the_plan(), lookup_);
    return {};
  }

  caf::error replay_last(core::run_history* history) {
    replay_.state.id = replay_.row.id;
    return replay_events(*store_, lookup_, replay_, history);
  }

  caf::error begin() {
    if (auto err = check_nothing_unfinished())
      return err;
    if (found_)
      if (auto err = keep_logs(options_.workspace, replay_.row.id))
        return err;
    replay_ = {};
    replay_.state.phases.resize(the_plan().phases.size());
    start_execution(new_uuid());
    for (phase_index i = 0; i < selected_.size(); ++i)
      if (!selected_[i] && is_needed(i))
        add(event_kind::phase_skipped, the_plan().phases[i].id,
            core::decision_data(who(), "left out by " + selection_text(options_)));
    return {};
  }

  void start_execution(std::string id) {
    replay_.row = {.id = std::move(id),
                   .started_us = io::now_us(),
                   .plan_hash = the_plan().hash,
                   .plan_text = config::canonical_text(the_plan()),
                   .started_by = who()};
    new_row_ = true;
    add(event_kind::execution_started, {},
        core::lenient::dump(json{{"mode", to_string(the_plan().options.mode)},
                                 {"plan_hash", the_plan().hash},
                                 {"workspace", options_.workspace.string()},
                                 {"user", who()},
                                 {"program", "aeo-node " AEO_VERSION},
                                 {"phases", the_plan().phases.size()}}));
  }

  /// Some selected phase depends on it, directly or not.
  bool is_needed(phase_index i) {
    if (!graph_)
      graph_ = std::make_unique<core::ready_graph>(the_plan());
    return std::ranges::any_of(graph_->downstream(i),
                               [this](phase_index d) { return selected_[d]; });
  }

  caf::error check_nothing_unfinished() {
    if (options_.fresh)
      return end_old_tasks();
    if (!found_)
      return check_no_state_file();
    if (auto err = replay_last(nullptr))
      return err;
    if (replay_.is_finished() && replay_.unknown == 0)
      return {};
    return caf::make_error(ec::unfinished_execution,
                           "an execution of " + core::format_time(replay_.row.started_us)
                               + " is unfinished in this workspace (" + replay_.row.id + ", "
                               + std::string{to_string(replay_.state.overall)} + ")\n"
                               + two_ways(options_));
  }

  /// --fresh over an execution whose tasks may still run: nothing of it may go on.
  caf::error end_old_tasks() {
    std::error_code error;
    if (!found_ && fs::exists(state_file(options_), error))
      return set_state_file_aside("--fresh: the state file of before is kept as ", "before");
    if (!found_)
      return {};
    auto ended = io::end_survivors(options_.workspace, replay_.row.id);
    if (!ended)
      return ended.error();
    if (ended->processes > 0)
      notes_.push_back("--fresh: ended " + std::to_string(ended->processes)
                       + " processes of the execution before");
    return {};
  }

  /// Also a state file that the database does not know: it is somebody's only record.
  caf::error set_state_file_aside(const std::string& why, const std::string& reason) {
    auto aside = set_aside(state_file(options_), reason);
    if (!aside)
      return aside.error();
    notes_.push_back(why + aside->string());
    return {};
  }

  /// The state file is written from the database. Where it knows more than that, the database has
  /// lost something.
  caf::error compare_with_state_file() {
    auto file = state_file(options_);
    auto read = io::read_state_file(file, the_plan());
    if (!read && read.error() == ec::corrupt_state)
      return set_state_file_aside(file.string()
                                      + " is damaged and written anew from execution.db, which has "
                                        "all that it should say; the damaged file is kept as ",
                                  "damaged");
    if (!read)
      return read.error();
    if (!*read)
      return {};
    const auto& shown = **read;
    if (auto err = check_known(shown.state.id))
      return err;
    if (!shown.ours)
      return {};
    auto newest = replay_.state.last_seq;
    auto database = database_file(options_).string();
    auto ways = ways_apart();
    if (shown.last_seq > newest)
      return caf::make_error(ec::corrupt_state,
                             database + " ends at event " + std::to_string(newest) + ", but "
                                 + file.string() + " shows event " + std::to_string(shown.last_seq)
                                 + ": the newest events are lost (was execution.db-wal removed, or "
                                   "an older copy put back?)"
                                 + ways);
    if (shown.last_seq == newest && shown.state.id == replay_.row.id
        && shown.chain_head != store_->head())
      return caf::make_error(ec::corrupt_state,
                             database + " and " + file.string() + " tell different histories up to "
                                 + "event " + std::to_string(newest)
                                 + ": one of them was replaced or rewritten" + ways);
    return {};
  }

  /// The execution that a state file names is not always the newest: a node that is killed early
  /// leaves the file of the one before. An empty id is another tool's.
  caf::error check_known(const std::string& id) {
    if (id.empty() || id == replay_.row.id)
      return {};
    auto err = store_->read(id, 0, [](event&&) { return false; });
    if (err != ec::not_found)
      return err;
    auto database = database_file(options_).string();
    return caf::make_error(ec::corrupt_state,
                           state_file(options_).string() + " names execution " + id + ", which "
                               + database + " does not know (its newest is " + replay_.row.id
                               + "): one of them is of another workspace or an older copy"
                                 "\n  to go on with both:                      put the "
                                 "execution.db of that execution back, then --resume"
                               + ways_apart());
  }

  /// When the database and the state file do not agree.
  std::string ways_apart() const {
    return "\n  to go on with what the state file shows: move " + database_file(options_).string()
           + " (and -wal, -shm) away, then --resume"
             "\n  to go on with what the database shows:   move "
           + state_file(options_).string() + " away, then --resume";
  }

  caf::error check_no_state_file() {
    auto file = state_file(options_);
    auto read = io::read_state_file(file, the_plan());
    if (!read)
      return read.error();
    if (!*read)
      return {};
    return caf::make_error(ec::unfinished_execution, file.string()
                                                         + " is there and execution.db is not\n"
                                                         + two_ways(options_));
  }

  caf::error resume() {
    if (!found_)
      return import();
    if (auto err = replay_last(history_.get()))
      return err;
    if (auto err = compare_with_state_file())
      return err;
    auto changed = replay_.row.plan_hash != the_plan().hash;
    if (changed)
      if (auto err = check_plan_change())
        return err;
    add(event_kind::execution_resumed, {},
        core::lenient::dump(json{{"plan_hash", the_plan().hash},
                                 {"plan_changed", changed},
                                 {"imported", false},
                                 {"mode", to_string(the_plan().options.mode)},
                                 {"user", who()}}));
    if (replay_.paused)
      stay_paused(said_again(*replay_.paused),
                  "since " + core::format_time(replay_.paused->time_us));
    return take_up();
  }

  /// Who paused the run decides, and not that a node ended meanwhile.
  void stay_paused(std::string data, const std::string& source) {
    add(event_kind::execution_paused, {}, std::move(data));
    notes_.push_back("the run is still paused (" + source
                     + "): nothing is started until aeo-control resume");
  }

  caf::error check_plan_change() {
    auto lines = config::diff_plans(replay_.row.plan_text, config::canonical_text(the_plan()));
    std::string text;
    for (const auto& line : lines)
      text += "  " + line + "\n";
    if (!options_.accept_plan_change)
      return caf::make_error(ec::plan_changed,
                             "the plan has changed since the execution began:\n" + text
                                 + "approved phases are not run again; to go on with the new plan "
                                   "add --accept-plan-change, or undo the change");
    notes_.push_back("the plan has changed, accepted:\n" + text);
    add(event_kind::note, {},
        core::warning_data("plan change accepted by " + who() + ":\n" + text));
    tell_old_gates();
    return store_->update_plan(replay_.row.id, the_plan().hash, config::canonical_text(the_plan()));
  }

  /// What waits for approval was made under the old plan, and so is what runs.
  void tell_old_gates() {
    for (const auto& id :
         config::redefined_phases(replay_.row.plan_text, config::canonical_text(the_plan()))) {
      const auto i = lookup_(id);
      redefined_.insert(i);
      const auto waits = replay_.state.phases[i].status == phase_status::waiting_approval;
      if (!waits && replay_.state.phases[i].status != phase_status::in_progress)
        continue;
      const auto text = core::made_before_change(
          waits ? "what waits for approval" : "the attempt under way", id, !waits);
      notes_.push_back("phase " + id + ": " + text);
      add(event_kind::note, id, core::warning_data(text));
    }
  }

  /// From execution_state.json alone: the database is gone, or another tool wrote the file.
  caf::error import() {
    auto file = state_file(options_);
    auto read = io::read_state_file(file, the_plan());
    if (!read)
      return read.error();
    if (!*read)
      return caf::make_error(ec::not_found, "there is nothing to resume in "
                                                + options_.workspace.string()
                                                + ": start without --resume");
    auto& imported = **read;
    auto changed = !imported.plan_hash.empty() && imported.plan_hash != the_plan().hash;
    if (changed && !options_.accept_plan_change)
      return caf::make_error(
          ec::plan_changed,
          "the plan has changed since " + file.string()
              + " was written (how cannot be told without the database); to go on "
                "with the new plan add --accept-plan-change, or undo the change");
    start_execution(imported.state.id.empty() ? new_uuid() : imported.state.id);
    for (auto& e : io::import_events(imported, the_plan(), io::now_us()))
      first_events_.push_back(std::move(e));
    notes_.push_back("resumed from " + file.string()
                     + " alone; what it says of earlier phases was not measured by this program");
    for (auto& warning : imported.warnings)
      notes_.push_back(std::move(warning));
    add(event_kind::execution_resumed, {},
        core::lenient::dump(json{{"plan_hash", the_plan().hash},
                                 {"plan_changed", changed},
                                 {"imported", true},
                                 {"user", who()}}));
    if (imported.state.overall == overall_status::paused)
      stay_paused(core::decision_data(file.filename().string(), "it says so"),
                  file.filename().string() + " says so");
    if (auto err = apply_pending())
      return err;
    return take_up();
  }

  /// Applies the first events that are not in the state yet.
  caf::error apply_pending() {
    if (applied_ == 0)
      log_until_us_ = replay_.state.updated_us;
    for (; applied_ < first_events_.size(); ++applied_)
      if (!core::apply(replay_.state, lookup_, first_events_[applied_]))
        return caf::make_error(
            ec::internal, "cannot begin: " + std::string{to_string(first_events_[applied_].kind)}
                              + " of phase " + first_events_[applied_].phase);
    return {};
  }

  /// A person resumes: what failed is tried again, what it held up waits for it again. With a
  /// selection the rest stays as it is.
  caf::error take_up() {
    std::vector<phase_index> cancelled;
    for (phase_index i = 0; i < the_plan().phases.size(); ++i) {
      auto s = replay_.state.phases[i].status;
      if (!selected_.empty() && !selected_[i])
        continue;
      auto again =
          !selected_.empty() && s != phase_status::pending && s != phase_status::in_progress;
      if (s == phase_status::cancelled)
        cancelled.push_back(i);
      if (again || s == phase_status::failed || s == phase_status::cancelled)
        add(event_kind::phase_reset, the_plan().phases[i].id,
            core::decision_data(who(),
                                again ? selection_text(options_) + " --resume" : "--resume"));
    }
    tell_cancelled(cancelled);
    if (auto err = apply_pending())
      return err;
    unblock();
    if (auto err = apply_pending())
      return err;
    return check_selected_can_run();
  }

  /// Somebody did not want them to go on, and may not know of this resume.
  void tell_cancelled(const std::vector<phase_index>& cancelled) {
    std::map<std::string, std::pair<std::string, std::size_t>> ids; // By who and why.
    constexpr std::size_t most_named = 5;
    for (auto i : cancelled) {
      const auto said = core::lenient::object(replay_.state.phases[i].detail);
      const auto reason = core::lenient::text(said, "reason");
      auto& [names, count] =
          ids[core::lenient::text(said, "by") + (reason.empty() ? "" : " (" + reason + ")")];
      if (count++ < most_named)
        names += (names.empty() ? "" : ", ") + the_plan().phases[i].id;
    }
    for (const auto& [who, what] : ids)
      notes_.push_back("cancelled by " + who + " and now tried again: " + what.first
                       + (what.second > most_named
                              ? " and " + std::to_string(what.second - most_named) + " more"
                              : ""));
  }

  void unblock() {
    std::vector<bool> held(the_plan().phases.size());
    core::ready_graph graph{the_plan()};
    for (phase_index i = 0; i < held.size(); ++i)
      if (const auto s = replay_.state.phases[i].status; is_shut(s) && s != phase_status::blocked)
        for (auto d : graph.downstream(i))
          held[d] = true;
    for (phase_index i = 0; i < held.size(); ++i)
      if (replay_.state.phases[i].status == phase_status::blocked && !held[i])
        add(event_kind::phase_unblocked, the_plan().phases[i].id,
            core::decision_data(who(), "--resume"));
  }

  caf::error check_selected_can_run() {
    std::string missing;
    for (phase_index i = 0; i < selected_.size(); ++i)
      if (!selected_[i] && !is_open(replay_.state.phases[i].status) && is_needed(i))
        missing += (missing.empty() ? "" : ", ") + the_plan().phases[i].id;
    if (missing.empty())
      return {};
    return caf::make_error(ec::bad_configuration,
                           selection_text(options_) + ": needs phases that are not approved: "
                               + missing + "; run them first (--resume without "
                               + selection_text(options_) + ")");
  }

  std::variant<session, refusal> finish(io::workspace_lock lock) {
    if (new_row_)
      if (auto err = store_->begin_execution(replay_.row))
        return refuse(err);
    for (auto& e : first_events_)
      e.data = config_.mask.mask_json(e.data);
    if (auto err = store_->append(replay_.row.id, first_events_))
      return refuse(err);
    if (auto err = apply_pending())
      return refuse(err);
    for (const auto& e : first_events_)
      history_->add(e);
    auto& state = replay_.state;
    state.id = replay_.row.id;
    state.started_by = replay_.row.started_by;
    state.last_seq = first_events_.back().seq;
    state.chain_head = store_->head();
    auto origins = take_origins();
    run_context context;
    context.the_plan = config_.the_plan;
    context.execution = replay_.row.id;
    context.workspace = options_.workspace;
    context.config = std::filesystem::absolute(config_folder(options_));
    context.started_by = replay_.row.started_by;
    context.now_us = io::now_us;
    context.steady_us = io::steady_us;
    context.lookup = std::make_shared<const core::phase_lookup>(lookup_);
    return session{.lock = std::move(lock),
                   .store = std::move(store_),
                   .context = std::make_shared<const run_context>(std::move(context)),
                   .state = std::make_shared<core::execution_state>(std::move(state)),
                   .log_until_us = log_until_us_,
                   .history = std::move(history_),
                   .origins = std::move(origins),
                   .redefined = std::move(redefined_),
                   .selected = std::move(selected_),
                   .notes = std::move(notes_)};
  }

  std::map<phase_index, phase_origin> take_origins() {
    std::map<phase_index, phase_origin> result;
    for (phase_index i = 0; i < replay_.state.phases.size(); ++i) {
      const auto& p = replay_.state.phases[i];
      auto under_way = p.status == phase_status::in_progress || p.status == phase_status::completed
                       || p.status == phase_status::waiting_approval
                       || p.status == phase_status::retry_wait;
      // A phase that is reset goes on counting its attempts.
      if (!under_way && (p.attempt == 0 || is_open(p.status)))
        continue;
      auto& origin = result[i] = std::move(replay_.attempts[i]);
      origin.saved = p;
    }
    return result;
  }

  const options& options_;
  const configuration& config_;
  core::phase_lookup lookup_{*config_.the_plan};
  std::unique_ptr<core::ready_graph> graph_;
  std::vector<bool> selected_;
  std::unique_ptr<io::event_store> store_;
  std::unique_ptr<core::run_history> history_;
  replay replay_;
  bool found_ = false;
  bool new_row_ = false;
  std::int64_t log_until_us_ = 0;
  std::set<phase_index> redefined_;
  event_batch first_events_;
  std::size_t applied_ = 0;
  std::vector<std::string> notes_;
};

} // namespace

std::variant<session, refusal> open_session(const options& o, const configuration& c) {
  return opener{o, c}.open();
}

} // namespace aeo::node
