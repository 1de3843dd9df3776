#pragma once

// What people decide about phases: who may, what it takes, and the texts that events carry of it.

#include "config/plan.hpp"
#include "messages/execution.hpp"
#include "messages/remote.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::core {

/// Before the login of who decides by a comment on GitHub: "github:alice".
inline constexpr std::string_view github_prefix = "github:";

/// One person's approval.
struct voice {
  std::string by;
  std::string comment;
  std::int64_t time_us = 0;
  bool operator==(const voice&) const = default;
};

/// A phase that waits for people, as phase_waiting's data tells it.
struct waiting_gate {
  std::string digest;           ///< Of what is to be reviewed.
  std::int64_t deadline_us = 0; ///< 0: none.
  std::vector<voice> voices;    ///< Distinct people, oldest first.
};
waiting_gate read_waiting(std::string_view data);

/// phase_waiting's data, taking over from an earlier one (empty: there is none): the deadline
/// always, the voices when the same is to be reviewed.
std::string keep_waiting(const std::string& data, std::string_view earlier, const approval_policy&,
                         std::int64_t now_us);
/// Whose voices it does not take over, as a sentence; empty: there are none.
std::string void_voices(std::string_view earlier, std::string_view now);
/// The same with one more voice.
std::string add_voice(std::string_view waiting_data, const voice&);

/// Empty, or why this person's word does not count here. `started_by`: user or user@host.
std::string why_not_counted(const approval_policy&, const waiting_gate&, const operator_decision&,
                            std::string_view started_by);

/// Empty, or why this person alone may not open the phase's gate by overriding or skipping it.
std::string why_not_alone(const approval_policy&, const operator_decision&,
                          std::string_view started_by);

/// Who may, for people to read: "operator", "alice, bob"; empty: nobody, for it takes several
/// people or only who started the run.
std::string who_alone(const approval_policy&, std::string_view started_by);

/// Why an approved phase is not run again just so: who approved it and when.
std::string why_not_again(std::string_view phase, const phase_state&);

/// Of what was made under an earlier definition of the phase: `what` names it. `force`: it may be
/// approved by the time when somebody reads this.
std::string made_before_change(std::string_view what, std::string_view phase, bool force);

/// phase_approved's data: {"by", "comment", "votes", ...} and the evidence of phase_waiting.
std::string approved_by_people(std::string_view waiting_data);
/// phase_approved's data over criteria that failed: {"by", "override": true, "reason", ...}.
std::string overridden_data(std::string_view failed_data, const operator_decision&);

/// Any other decision: {"by", "reason"}, "role" and "from" included.
std::string decided_data(const operator_decision&);

/// The audit event of a decision. `done`: it changed something; else it was refused. An event is
/// never of a phase that the plan does not have: that is told in its data.
event make_audit(const operator_decision&, bool done, std::string_view outcome, std::int64_t now_us,
                 bool known_phase = true);
/// A credential as people gave or took it.
struct credential_change {
  std::string name;
  access_role role = access_role::viewer;
  bool revoked = false;
  std::int64_t expires_us = 0;
  std::string by; ///< Who did it; empty: not known.
};
/// The audit event of that.
event make_credential_audit(const credential_change&, std::int64_t now_us);
/// The audit event of somebody who only looks, and is answered with what there is then.
event make_look(const operator_decision&, std::string_view command, std::int64_t now_us);
/// The audit event of somebody whom the node does not know, or does not let in any more.
event make_refusal(std::string_view from, std::string_view why, std::int64_t now_us);

} // namespace aeo::core
