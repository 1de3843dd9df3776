#include "actors/io/database.hpp"
#include "actors/io/store.hpp"
#include "messages/type_ids.hpp"

#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <unordered_map>

namespace aeo::io {

namespace {

constexpr int executions_read = 20;
constexpr std::int64_t us_per_ms = 1000;

using samples = std::unordered_map<std::string, std::vector<std::int64_t>>;

// Where a phase of an execution stands while its events go by.
struct phase_clock {
  std::int64_t started_us = 0;
  std::int64_t took_us = 0;
};

SQLite::Statement select_steps(SQLite::Database& db, const std::string& except) {
  SQLite::Statement result(
      db,
      "WITH newest AS (SELECT n, first_seq FROM executions WHERE id <> ? ORDER BY n DESC LIMIT ?)"
      " SELECT execution, kind, phase, time_us FROM events"
      " WHERE seq >= (SELECT min(first_seq) FROM newest) AND kind IN (?, ?, ?)"
      " AND execution IN (SELECT n FROM newest) ORDER BY seq");
  result.bind(1, except);
  result.bind(2, executions_read);
  result.bind(3, static_cast<int>(event_kind::phase_started));
  result.bind(4, static_cast<int>(event_kind::phase_completed));
  result.bind(5, static_cast<int>(event_kind::phase_approved));
  return result;
}

samples collect(SQLite::Database& db, const std::string& except) {
  samples result;
  std::unordered_map<std::string, phase_clock> clocks;
  std::int64_t execution = 0;
  auto steps = select_steps(db, except);
  while (steps.executeStep()) {
    if (steps.getColumn(0).getInt64() != execution) {
      execution = steps.getColumn(0).getInt64();
      clocks.clear();
    }
    const auto kind = static_cast<event_kind>(steps.getColumn(1).getInt());
    const auto phase = steps.getColumn(2).getString();
    const auto time_us = steps.getColumn(3).getInt64();
    auto& c = clocks[phase];
    if (kind == event_kind::phase_started)
      c = {time_us, 0};
    else if (kind == event_kind::phase_completed && c.started_us != 0)
      c.took_us = std::max<std::int64_t>(time_us - c.started_us, 1);
    else if (kind == event_kind::phase_approved && c.took_us != 0)
      result[phase].push_back(c.took_us);
  }
  return result;
}

template <class Read>
caf::error read_database(const std::filesystem::path& file, const char* what, Read read) {
  auto opened = open_database_read_only(file, schema_steps());
  if (!opened)
    return std::move(opened.error());
  caf::error result;
  try {
    read(*opened->db);
  } catch (const SQLite::Exception& e) {
    result = database_error(e, what, file);
  }
  auto changed = opened->check();
  return changed ? changed : result;
}

} // namespace

caf::expected<std::vector<past_execution>> past_executions(const std::filesystem::path& file,
                                                           std::size_t limit) {
  std::vector<past_execution> result;
  auto err = read_database(file, "read executions from", [&](SQLite::Database& db) {
    // Its end, if any, is among its last events: found from behind.
    SQLite::Statement rows(
        db, "SELECT id, started_us, started_by, e.time_us, e.data FROM executions x"
            " LEFT JOIN events e ON e.seq = (SELECT seq FROM events WHERE kind = ? AND"
            " seq >= x.first_seq AND execution = x.n AND seq < coalesce((SELECT min(first_seq)"
            " FROM executions WHERE first_seq > x.first_seq), 9223372036854775807)"
            " ORDER BY seq DESC LIMIT 1) ORDER BY x.n DESC LIMIT ?");
    rows.bind(1, static_cast<int>(event_kind::execution_ended));
    rows.bind(2, static_cast<std::int64_t>(limit));
    while (rows.executeStep()) {
      auto& x = result.emplace_back();
      x.id = rows.getColumn(0).getString();
      x.started_us = rows.getColumn(1).getInt64();
      x.started_by = rows.getColumn(2).getString();
      if (rows.getColumn(3).isNull())
        continue;
      x.ended_us = rows.getColumn(3).getInt64();
      x.outcome = rows.getColumn(4).getString();
    }
  });
  if (err)
    return err;
  return result;
}

caf::expected<std::map<std::string, std::int64_t>>
typical_durations(const std::filesystem::path& file, const std::string& except) {
  std::map<std::string, std::int64_t> result;
  auto err = read_database(file, "read durations from", [&](SQLite::Database& db) {
    for (auto& [phase, times] : collect(db, except)) {
      auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
      std::nth_element(times.begin(), middle, times.end());
      result.emplace(phase, (*middle + us_per_ms / 2) / us_per_ms);
    }
  });
  if (err && err != ec::not_found)
    return err;
  return result;
}

std::vector<std::int64_t> typical_durations(const plan& p, const std::filesystem::path& file,
                                            const std::string& except) {
  std::vector<std::int64_t> result;
  if (const auto typical = typical_durations(file, except))
    for (const auto& phase : p.phases) {
      const auto found = typical->find(phase.id);
      result.push_back(found == typical->end() ? 0 : found->second);
    }
  return result;
}

} // namespace aeo::io
