#pragma once

// What a workspace remembers when no node runs there: answers the questions that a node answers,
// from the event log alone. Changes nothing.

#include "actors/archive.hpp"
#include "messages/remote.hpp"

#include <caf/expected.hpp>

#include <filesystem>
#include <memory>
#include <string>

namespace aeo::attach {

/// The newest execution of the workspace. Not thread-safe.
class stored_run {
public:
  /// Blocking. ec::not_found: no execution was ever begun there; ec::corrupt_state and others: the
  /// log cannot be read, and why.
  static caf::expected<std::unique_ptr<stored_run>> open(const std::filesystem::path& workspace);

  /// As a node would tell it, but for the phases' names, which the log does not have.
  const run_view& view() const { return view_; }
  /// See archive_actor.
  caf::expected<std::string> ask(const std::string& what, const std::string& about);
  caf::expected<log_page> read(const log_request&);

private:
  stored_run() = default;

  archive_state archive_;
  run_view view_;
};

} // namespace aeo::attach
