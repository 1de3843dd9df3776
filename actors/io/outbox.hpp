#pragma once

// What GitHub is still to be told. The event log is the outbox: every event was durable in it
// before anyone heard of it, and beside it stands up to which event GitHub has been told. Nothing
// else has to be kept for a crash at any moment: each comment carries the number of its event, so
// that what was sent and not noted here is found on GitHub.

#include "actors/io/store.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace aeo::io {

/// What GitHub has of an execution, as far as it is known here.
struct delivery {
  std::string repository;         ///< "owner/name" at the API's URL: another one begins anew.
  std::uint64_t issue = 0;        ///< Its number; 0: none is known.
  std::uint64_t delivered = 0;    ///< Events up to this one have been told.
  bool closed = false;            ///< What the issue was last made.
  bool settled = false;           ///< The execution has ended and GitHub has all of it.
  std::int64_t not_before_us = 0; ///< GitHub wants no request before; 0: at any time.
  bool operator==(const delivery&) const = default;
};

/// Errors as in event_store. One thread uses it; others may write to the log meanwhile.
class outbox {
public:
  virtual ~outbox() = default;
  /// nullopt: GitHub was never to hear of the execution.
  virtual caf::expected<std::optional<delivery>> get(const std::string& execution) = 0;
  virtual caf::error put(const std::string& execution, const delivery&) = 0;
  /// Executions that GitHub lacks something of, but `except`; oldest first.
  virtual caf::expected<std::vector<execution_row>> unsettled(const std::string& except) = 0;
  /// Number and hash (hex) of the log's newest event; 0 and nothing when they cannot be read.
  virtual std::pair<std::uint64_t, std::string> chain_tip() = 0;
  /// As event_store::read.
  virtual caf::error read(const std::string& execution, std::uint64_t first_seq,
                          const std::function<bool(event&&)>& each) = 0;
};

/// On a connection of its own to a database that open_store() has opened. It never waits for the
/// disk: what is lost in a crash of the machine is found again on GitHub.
caf::expected<std::unique_ptr<outbox>> open_outbox(const std::filesystem::path& file);

} // namespace aeo::io
