#pragma once

// CAF's type ids: types, then atoms; the actors' block ends actors.hpp. Ids follow from the order:
// append inside a block, never reorder (nodes of different versions compare the protocol version
// first, see the gateway).

#include "messages/error.hpp"
#include "messages/execution.hpp"
#include "messages/http.hpp"
#include "messages/remote.hpp"
#include "messages/run.hpp"
#include "messages/task.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>

namespace aeo {
using event_batch = std::vector<event>;
/// Milliseconds by phase, 0 unknown; may be empty.
using phase_durations = std::vector<std::int64_t>;
using task_keys = std::vector<task_key>;
using task_starts = std::vector<task_start>;
using task_exits = std::vector<task_exit>;
} // namespace aeo

CAF_BEGIN_TYPE_ID_BLOCK(aeo_types, first_custom_type_id)
CAF_ADD_TYPE_ID(aeo_types, (aeo::attempt_failure))
CAF_ADD_TYPE_ID(aeo_types, (aeo::control_request))
CAF_ADD_TYPE_ID(aeo_types, (aeo::ec))
CAF_ADD_TYPE_ID(aeo_types, (aeo::event))
CAF_ADD_TYPE_ID(aeo_types, (aeo::event_batch))
CAF_ADD_TYPE_ID(aeo_types, (aeo::event_page))
CAF_ADD_TYPE_ID(aeo_types, (aeo::http_reply))
CAF_ADD_TYPE_ID(aeo_types, (aeo::launcher_inventory))
CAF_ADD_TYPE_ID(aeo_types, (aeo::log_page))
CAF_ADD_TYPE_ID(aeo_types, (aeo::log_request))
CAF_ADD_TYPE_ID(aeo_types, (aeo::operator_decision))
CAF_ADD_TYPE_ID(aeo_types, (aeo::phase_durations))
CAF_ADD_TYPE_ID(aeo_types, (aeo::phase_error))
CAF_ADD_TYPE_ID(aeo_types, (aeo::phase_state))
CAF_ADD_TYPE_ID(aeo_types, (aeo::phase_view))
CAF_ADD_TYPE_ID(aeo_types, (aeo::remote_welcome))
CAF_ADD_TYPE_ID(aeo_types, (aeo::retry_decision))
CAF_ADD_TYPE_ID(aeo_types, (aeo::review_request))
CAF_ADD_TYPE_ID(aeo_types, (aeo::run_outcome))
CAF_ADD_TYPE_ID(aeo_types, (aeo::run_view))
CAF_ADD_TYPE_ID(aeo_types, (aeo::snapshot_ptr))
CAF_ADD_TYPE_ID(aeo_types, (aeo::task_exit))
CAF_ADD_TYPE_ID(aeo_types, (aeo::task_exits))
CAF_ADD_TYPE_ID(aeo_types, (aeo::task_key))
CAF_ADD_TYPE_ID(aeo_types, (aeo::task_keys))
CAF_ADD_TYPE_ID(aeo_types, (aeo::task_spec))
CAF_ADD_TYPE_ID(aeo_types, (aeo::task_start))
CAF_ADD_TYPE_ID(aeo_types, (aeo::task_starts))
CAF_ADD_TYPE_ID(aeo_types, (aeo::verdict))
CAF_END_TYPE_ID_BLOCK(aeo_types)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(aeo::snapshot_ptr)

CAF_BEGIN_TYPE_ID_BLOCK(aeo_atoms, aeo_types_last_type_id + 1)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, act)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, adopt)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, ask)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, cancel)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, connect)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, decide)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, detach)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, disown)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, done)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, finish)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, get)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, gone)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, hello)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, interrupt)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, next)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, publish)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, read)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, ready)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, record)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, release)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, review)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, run)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, save)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, say)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, stalled)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, start)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, stop)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, subscribe)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, stage)
CAF_ADD_ATOM(aeo_atoms, aeo::atom, withdraw)
CAF_END_TYPE_ID_BLOCK(aeo_atoms)
