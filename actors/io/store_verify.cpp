#include "actors/io/store_verify.hpp"

#include "actors/io/database.hpp"
#include "messages/type_ids.hpp"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

namespace aeo::io {

namespace {

constexpr auto select_rows =
    "SELECT e.seq, e.time_us, e.kind, e.phase, e.task, e.attempt, e.data, e.before, e.execution,"
    " x.id FROM events e LEFT JOIN executions x ON x.n = e.execution WHERE e.seq >= ?"
    " ORDER BY e.seq";

struct row {
  event e;
  row_hash before{};
  std::string execution;
};

// Walks the rows in order, hashing each.
class row_reader {
public:
  row_reader(SQLite::Database& db, std::uint64_t first_seq) : select_(db, select_rows) {
    select_.bind(1, static_cast<std::int64_t>(first_seq));
  }

  // False: there is no further row.
  bool next(row& r) {
    if (!select_.executeStep())
      return false;
    r.e.seq = static_cast<std::uint64_t>(select_.getColumn(0).getInt64());
    r.e.time_us = select_.getColumn(1).getInt64();
    r.e.kind = static_cast<event_kind>(small_number<std::uint8_t>(2));
    take_text(3, r.e.phase);
    take_text(4, r.e.task);
    r.e.attempt = small_number<std::uint32_t>(5);
    take_text(6, r.e.data);
    r.before = hash_of_column(select_.getColumn(7));
    take_text(9, r.execution);
    hash_ = hasher_(r.e, r.execution, r.before);
    return true;
  }

  // Of the row that next() gave.
  const row_hash& hash() const { return hash_; }

private:
  // What does not fit would lose digits, and the hash could not tell.
  template <class T>
  T small_number(int column) {
    const auto value = select_.getColumn(column).getInt64();
    if (value < 0 || value > std::numeric_limits<T>::max())
      throw damage("a number of an event is out of its range");
    return static_cast<T>(value);
  }

  void take_text(int column, std::string& out) {
    const auto value = select_.getColumn(column);
    const auto* text = static_cast<const char*>(value.getBlob());
    out.assign(text ? text : "", static_cast<std::size_t>(value.getBytes()));
  }

  SQLite::Statement select_;
  chain_hasher hasher_;
  row_hash hash_{};
};

std::string numbers(std::uint64_t first, std::uint64_t last) {
  return first == last ? "event " + std::to_string(first)
                       : "events " + std::to_string(first) + " to " + std::to_string(last);
}

// Where the row is now that followed, when it was written, on the row with this hash.
std::optional<std::uint64_t> find_follower(SQLite::Database& db, const row_hash& before) {
  SQLite::Statement find(db, "SELECT seq FROM events WHERE before = ? LIMIT 1");
  find.bindNoCopy(1, before.data(), static_cast<int>(before.size()));
  if (!find.executeStep())
    return std::nullopt;
  return static_cast<std::uint64_t>(find.getColumn(0).getInt64());
}

// Whether the row's own hash is what the next one, or the chain's tip, has written down.
bool is_vouched_for(SQLite::Database& db, std::uint64_t seq, const row_hash& hash,
                    const chain_tip& tip) {
  if (seq == tip.seq)
    return hash == tip.head;
  const auto follower = find_follower(db, hash);
  return follower && *follower == seq + 1;
}

chain_tip read_tip(SQLite::Database& db) {
  SQLite::Statement select(db, "SELECT seq, head FROM chain WHERE id = 1");
  return take_tip(select);
}

// Row `seq` does not carry the hash of the row before it.
chain_fault explain(SQLite::Database& db, const row& r, const row_hash& hash,
                    const row_hash& expected, const chain_tip& tip) {
  const auto seq = r.e.seq;
  const auto name = "event " + std::to_string(seq);
  if (const auto moved = find_follower(db, expected))
    return {seq, "reordered: what was " + name + " now stands at " + std::to_string(*moved)};
  if (seq > 1 && is_vouched_for(db, seq, hash, tip))
    return {seq - 1, "edited: the hash of event " + std::to_string(seq - 1)
                         + " is not the one that " + name + " carries"};
  return {seq, "edited, or moved up when events before it were deleted: " + name
                   + " does not carry the hash of the one before it"};
}

} // namespace

row_hash hash_of_column(const SQLite::Column& column) {
  row_hash result{};
  const auto* bytes = column.getBlob();
  if (!bytes || static_cast<std::size_t>(column.getBytes()) != result.size())
    throw damage("a stored hash has not 32 bytes");
  std::memcpy(result.data(), bytes, result.size());
  return result;
}

chain_tip take_tip(SQLite::Statement& select) {
  if (!select.executeStep())
    throw damage("the record of the chain's head is missing");
  return {static_cast<std::uint64_t>(select.getColumn(0).getInt64()),
          hash_of_column(select.getColumn(1))};
}

std::optional<chain_fault> find_fault(SQLite::Database& db) {
  SQLite::Transaction snapshot(db);
  const auto tip = read_tip(db);
  row_reader rows(db, 0);
  chain_tip last;
  for (row r; rows.next(r); last = {r.e.seq, rows.hash()}) {
    if (r.e.seq <= last.seq)
      return chain_fault{r.e.seq, "added: the first event has the number 1"};
    if (r.e.seq != last.seq + 1)
      return chain_fault{last.seq + 1, "deleted: " + numbers(last.seq + 1, r.e.seq - 1)};
    if (r.before != last.head)
      return explain(db, r, rows.hash(), last.head, tip);
    if (r.e.seq > tip.seq)
      return chain_fault{r.e.seq, "added: the newest event was " + std::to_string(tip.seq)};
  }
  if (last.seq < tip.seq)
    return chain_fault{last.seq + 1, "deleted: " + numbers(last.seq + 1, tip.seq) + ", at the end"};
  if (last.head != tip.head)
    return chain_fault{last.seq, "edited: its hash is not the recorded head of the chain"};
  return std::nullopt;
}

caf::error read_events(SQLite::Database& db, const std::filesystem::path& file,
                       const std::string& execution, std::uint64_t first_seq,
                       const std::function<bool(event&&)>& each) {
  SQLite::Transaction snapshot(db);
  const auto tip = read_tip(db);
  SQLite::Statement find(db, "SELECT first_seq FROM executions WHERE id = ?");
  find.bindNoCopy(1, execution);
  if (!find.executeStep())
    return caf::make_error(ec::not_found, "there is no execution " + execution);
  const auto own = static_cast<std::uint64_t>(find.getColumn(0).getInt64());
  const auto first = std::max(std::max(first_seq, own), std::uint64_t{1});
  // One row earlier, for its hash.
  row_reader rows(db, first - 1);
  row r;
  chain_tip last{first - 1, {}};
  if (first > 1) {
    if (!rows.next(r) || r.e.seq != first - 1)
      throw damage("event " + std::to_string(first - 1) + " was deleted");
    last.head = rows.hash();
  }
  while (rows.next(r)) {
    if (r.e.seq != last.seq + 1 || r.before != last.head)
      throw damage("event " + std::to_string(last.seq + 1)
                   + " or the one before it was edited, deleted or reordered");
    if (r.e.kind > event_kind::execution_continued)
      return caf::make_error(ec::newer_schema, file.string() + " has events of a kind ("
                                                   + std::to_string(static_cast<int>(r.e.kind))
                                                   + ") that this program does not know");
    last = {r.e.seq, rows.hash()};
    if (r.execution == execution && !each(std::move(r.e)))
      return {};
  }
  if (last.seq != tip.seq || last.head != tip.head)
    throw damage("events at its end were edited, added or deleted");
  return {};
}

} // namespace aeo::io
