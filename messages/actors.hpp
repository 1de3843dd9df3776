#pragma once

// Every actor's contract, on one page. One direction: command -> phase -> event -> state (durable)
// -> its listeners. A plain send gets no answer; a request gets the result, when there is one.

#include "messages/type_ids.hpp"

#include <caf/typed_actor.hpp>

#include <cstdint>
#include <string>

namespace aeo {

/// Hears events once they are durable.
using event_listener_actor = caf::typed_actor<
    // The events of one commit, in order.
    caf::result<void>(atom::publish, event_batch)>;

/// Hears how a task it asked for goes.
using task_listener_actor = caf::typed_actor<
    // The process runs.
    caf::result<void>(task_start),
    // The process and its whole group are gone; comes exactly once.
    caf::result<void>(task_exit)>;

/// Blocking storage on a thread of its own; only the state actor talks to it.
using writer_actor = caf::typed_actor<
    // Stores the batch as one transaction; answers the first event's number (the others follow) and
    // the head of the event log's hash chain after the last one (hex).
    caf::result<std::uint64_t, std::string>(atom::record, event_batch),
    // Replaces execution_state.json.
    caf::result<void>(atom::save, snapshot_ptr)>;

/// The single writer of the execution's state.
using state_actor = caf::typed_actor<
    // Takes events; the answer comes when they are durable. wrong_state: none of them was taken.
    caf::result<void>(atom::record, event_batch),
    // The listener hears every commit from now on.
    caf::result<void>(atom::subscribe, event_listener_actor),
    // The state as of the last commit.
    caf::result<snapshot_ptr>(atom::get),
    // Answers when execution_state.json shows the last commit.
    caf::result<void>(atom::save)>;

/// Owns the dependency graph and the slots; spawns one phase actor per phase that became ready.
/// While phases end one after the other it grants slots that are about to become free.
using trigger_actor = event_listener_actor::extend<
    // Starts what is ready.
    caf::result<void>(atom::start),
    // The phase has no process any more: its slot is free. Repeating it changes nothing.
    caf::result<void>(atom::release, std::uint32_t),
    // The phase's retry is due: it wants a slot.
    caf::result<void>(atom::ready, std::uint32_t),
    // The phase has given its slot back, and its attempt has not begun: it wants one again.
    caf::result<void>(atom::withdraw, std::uint32_t),
    // Starts nothing more; running phases are cancelled for the reason.
    caf::result<void>(atom::stop, std::string),
    // Starts no phase any more; running ones go on. Answers when it is known, and durable, of all
    // that were to start or to end in this moment whether they have.
    caf::result<void>(atom::detach),
    // Storage fails (true) or works again (false): starts nothing meanwhile.
    caf::result<void>(atom::stalled, bool),
    // retry (of what is approved by force only), skip, cancel, pause or resume; answers what that
    // changed, once it is durable.
    caf::result<std::string>(atom::act, operator_decision),
    // After `done`: true when nothing has come to do since; then nothing is decided any more.
    caf::result<bool>(atom::finish)>;

/// One phase's attempts.
using phase_actor = task_listener_actor::extend<
    // A slot is granted: begins the next attempt, at once or, when it can be given back, with its
    // process.
    caf::result<void>(atom::start),
    // The slot is not to be had so soon: what has not begun gives it back. Else nothing happens.
    caf::result<void>(atom::withdraw),
    // Ends the attempt's processes; the phase goes back to pending for the reason.
    caf::result<void>(atom::cancel, std::string),
    // The same at a person's word: the phase becomes cancelled.
    caf::result<void>(atom::cancel, operator_decision)>;

/// Runs OS processes through the launcher, at most max_parallel at once.
using executor_actor = event_listener_actor::extend<
    // Connects to the launcher, starting one if need be: what it knows of earlier tasks. Comes
    // first.
    caf::result<launcher_inventory>(atom::connect),
    // Runs the task; the listener hears of it.
    caf::result<void>(atom::run, task_spec, task_listener_actor),
    // The same, and the task may wait for its slot with the launcher, which starts it without
    // asking. If the launcher is lost meanwhile, so is the task.
    caf::result<void>(atom::stage, task_spec, task_listener_actor),
    // A task that ran before this executor connected: the listener hears its end.
    caf::result<void>(atom::adopt, task_key, task_listener_actor),
    // Tasks from before that nobody waits for: those that run are ended, the ended are forgotten.
    caf::result<void>(atom::disown, task_keys),
    // Ends the task (queued or running); its exit still comes.
    caf::result<void>(atom::cancel, task_key),
    // The same if its process was not started yet; else nothing happens.
    caf::result<void>(atom::withdraw, task_key),
    // Ends all that runs; answers when nothing does.
    caf::result<void>(atom::stop),
    // Answers when nothing runs.
    caf::result<void>(atom::finish),
    // Lets go of the launcher; running tasks stay with it. Answers when that is done.
    caf::result<void>(atom::detach),
    // INTERNAL: the launcher's reading thread says that a process runs.
    caf::result<void>(task_start),
    // INTERNAL: the launcher's reading thread says that a process ended.
    caf::result<void>(task_exit),
    // INTERNAL: the launcher is gone.
    caf::result<void>(atom::gone, std::string)>;

/// Judges gates, and hears people's decisions about them.
using approval_actor = task_listener_actor::extend<
    // Evaluates the phase's criteria; answers with the evidence.
    caf::result<verdict>(atom::review, review_request),
    // The events of one commit: a phase that waits has a deadline.
    caf::result<void>(atom::publish, event_batch),
    // approve or reject; answers what that changed, once it is durable.
    caf::result<std::string>(atom::act, operator_decision)>;

/// Judges one gate, reading files on a thread of its own; only the approval actor talks to it.
using judge_actor = caf::typed_actor<
    // The criteria's results and what follows from them.
    caf::result<verdict>(atom::review)>;

/// Knows error classes and backoff.
using retry_actor = caf::typed_actor<
    // Retry after a delay, or give up.
    caf::result<retry_decision>(atom::decide, attempt_failure)>;

/// Writes reports and draws progress.
using reporter_actor = event_listener_actor::extend<
    // A line for the operator that is no event (storage trouble, a signal).
    caf::result<void>(atom::say, std::string),
    // Answers when the final report is written and the console is done.
    caf::result<void>(atom::finish, int)>;

/// Tells GitHub what happens and hears what people ask for there. Nobody waits for it.
using github_actor = event_listener_actor::extend<
    // Reads from the event log what GitHub lacks, and begins.
    caf::result<void>(atom::start),
    // Nothing more will happen: answers when GitHub has all of it, or can have no more now, with a
    // line about what is left (empty: nothing).
    caf::result<std::string>(atom::finish),
    // INTERNAL: the HTTP thread says what became of the request.
    caf::result<void>(http_reply)>;

/// Has the run as remote nodes see it; only the gateway talks to it.
using feed_actor = event_listener_actor::extend<
    // The run as of now, its phases from this place on.
    caf::result<run_view>(atom::get, std::uint32_t),
    // The events from this number on, waiting for one if there is none yet, and until so many
    // milliseconds have passed since the asker's last page. 0: wants each event, else draws the
    // run: see run_change and is_far_behind.
    caf::result<event_page>(atom::next, std::uint64_t, std::uint32_t),
    // Nothing more will come: whoever waits gets what there is. Answers when those who follow the
    // run have been told, or have had the time to ask.
    caf::result<void>(atom::finish)>;

/// Reads what has become history, on a thread of its own: the event log and tasks' logs.
using archive_actor = caf::typed_actor<
    // Stored events from this number on.
    caf::result<event_page>(atom::next, std::uint64_t),
    // A part of a task's log.
    caf::result<log_page>(atom::read, log_request),
    // "why" (about a phase: its events), "verify" and "history" (about nothing): JSON.
    caf::result<std::string>(atom::ask, std::string, std::string),
    // How long phases took in earlier executions.
    caf::result<phase_durations>(atom::get),
    // The node leaves: answers at once, or when who follows a log has had time to read its end.
    caf::result<void>(atom::finish)>;

/// The only actor that remote nodes reach. Each message but the first has a credential's token.
using gateway_actor = caf::typed_actor<
    // Protocol version and name of the asking program; answers with this program's name.
    // wrong_state: they do not speak the same.
    caf::result<std::string>(std::uint32_t, std::string),
    // Whom the token belongs to, and what runs here.
    caf::result<remote_welcome>(atom::hello, std::string),
    // The run as of now, its phases from this place on.
    caf::result<run_view>(atom::get, std::string, std::uint32_t),
    // See feed_actor.
    caf::result<event_page>(atom::next, std::string, std::uint64_t, std::uint32_t),
    // A part of a task's log.
    caf::result<log_page>(atom::read, std::string, log_request),
    // See archive_actor.
    caf::result<std::string>(atom::ask, std::string, std::string, std::string),
    // Does what an operator asks for; answers what that changed, once it is durable.
    caf::result<std::string>(atom::act, control_request),
    // INTERNAL: the door turned somebody away: from where, and who it was.
    caf::result<void>(atom::gone, std::string, std::string)>;

/// Starts and stops the others.
using supervisor_actor = caf::typed_actor<
    // Runs the execution to its end; answers with the exit code.
    caf::result<int>(atom::run),
    // The trigger has nothing more to do.
    caf::result<void>(atom::done, run_outcome),
    // SIGINT or SIGTERM came: the first ends the run, the second leaves at once. A SIGTERM within a
    // second of the first one is the same one.
    caf::result<void>(atom::interrupt, int),
    // Storage fails (text) or works again (empty).
    caf::result<void>(atom::stalled, std::string),
    // The event log was taken away, and why that is known: nothing will ever be stored again.
    caf::result<void>(atom::gone, std::string)>;

} // namespace aeo

CAF_BEGIN_TYPE_ID_BLOCK(aeo_actors, aeo_atoms_last_type_id + 1)
CAF_ADD_TYPE_ID(aeo_actors, (aeo::approval_actor))
CAF_ADD_TYPE_ID(aeo_actors, (aeo::archive_actor))
CAF_ADD_TYPE_ID(aeo_actors, (aeo::event_listener_actor))
CAF_ADD_TYPE_ID(aeo_actors, (aeo::executor_actor))
CAF_ADD_TYPE_ID(aeo_actors, (aeo::feed_actor))
CAF_ADD_TYPE_ID(aeo_actors, (aeo::gateway_actor))
CAF_ADD_TYPE_ID(aeo_actors, (aeo::github_actor))
CAF_ADD_TYPE_ID(aeo_actors, (aeo::judge_actor))
CAF_ADD_TYPE_ID(aeo_actors, (aeo::phase_actor))
CAF_ADD_TYPE_ID(aeo_actors, (aeo::reporter_actor))
CAF_ADD_TYPE_ID(aeo_actors, (aeo::retry_actor))
CAF_ADD_TYPE_ID(aeo_actors, (aeo::state_actor))
CAF_ADD_TYPE_ID(aeo_actors, (aeo::supervisor_actor))
CAF_ADD_TYPE_ID(aeo_actors, (aeo::task_listener_actor))
CAF_ADD_TYPE_ID(aeo_actors, (aeo::trigger_actor))
CAF_ADD_TYPE_ID(aeo_actors, (aeo::writer_actor))
CAF_END_TYPE_ID_BLOCK(aeo_actors)

namespace aeo {
/// Registers all message types with CAF; call once, before an actor system is made.
void init_messages();
} // namespace aeo
