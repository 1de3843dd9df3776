#pragma once

#include "actors/context.hpp"
#include "actors/io/store.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace aeo {

/// Where history is read from. All may block.
struct archive_deps {
  context_ptr context;
  /// A connection for reading to the event log.
  std::function<caf::expected<std::unique_ptr<io::event_store>>()> open;
  std::function<caf::expected<std::vector<io::past_execution>>()> executions; ///< Newest first.
  std::function<phase_durations()> typical; ///< See feed_state. May be null.
  /// Up to `limit` bytes of a file from `offset` on, secrets masked; `offset` becomes where to go
  /// on. Whole lines, unless the file is complete.
  std::function<std::string(const std::string& file, std::uint64_t& offset, std::size_t limit,
                            bool complete)>
      read;
};

/// Reads the event log and tasks' logs for remote nodes.
struct archive_state {
  static inline const char* name = "archive";

  archive_actor::pointer self = nullptr;
  archive_deps deps;
  std::unique_ptr<io::event_store> store;
  std::int64_t last_read_us = 0; ///< When a log was asked for.
  std::uint64_t news_read = 0;   ///< Answers that had some of a log in them.
  /// What the event log says of tasks, as far as it was read for that: whether each has ended, and
  /// by phase and attempt the one that was told of last.
  std::map<task_key, bool> ended;
  std::map<std::pair<std::string, std::uint32_t>, task_key> newest;
  std::uint64_t indexed = 0; ///< The newest event that was read.
  std::optional<phase_durations> typical;

  caf::result<event_page> next(std::uint64_t from);
  caf::expected<log_page> part_of_log(const log_request&);
  caf::expected<std::string> answer(const std::string& what, const std::string& about);
  const phase_durations& durations();
  caf::result<void> finish();

private:
  /// Delivers when nobody has read any news of a log for a moment.
  void stay_while_read(caf::typed_response_promise<void>);
  caf::error ensure_open();
  caf::error index_tasks();
  std::optional<task_key> newest_of(const log_request&) const;
  std::vector<std::uint32_t> attempts_of(const std::string& phase) const;
  caf::error no_such_log(const log_request&) const;
  caf::error each_event(std::uint64_t from, const std::function<bool(event&&)>& each);
  caf::expected<std::string> why(const std::string& phase);
  caf::expected<std::string> verify();
  caf::expected<std::string> history();
};

archive_actor::behavior_type archive(archive_actor::stateful_pointer<archive_state> self,
                                     archive_deps deps);

} // namespace aeo
