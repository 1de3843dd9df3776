#include "actors/io/packed.hpp"

#include "actors/io/codec.hpp"

#include <zstd.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace aeo::io {

namespace {

constexpr int fastest = 1;
constexpr std::size_t most_unpacked = std::size_t{64} * 1024 * 1024;
/// Of phases; a part of a view has less than one.
constexpr std::size_t most_unpacked_view = std::size_t{16} * 1024 * 1024;
constexpr std::size_t most_rows = 500'000;

/// Events field by field, numbers as differences: neighbours are alike, which halves what is left
/// of them.
struct event_columns {
  std::vector<std::int64_t> seq;
  std::vector<std::int64_t> time_us;
  std::vector<std::uint8_t> kind;
  std::vector<std::string> phase;
  std::vector<std::string> task;
  std::vector<std::uint32_t> attempt;
  std::vector<std::string> data;
};

template <class Inspector>
bool inspect(Inspector& f, event_columns& x) {
  return f.object(x).fields(f.field("seq", x.seq), f.field("time_us", x.time_us),
                            f.field("kind", x.kind), f.field("phase", x.phase),
                            f.field("task", x.task), f.field("attempt", x.attempt),
                            f.field("data", x.data));
}

/// The differences of any two numbers, and back.
std::int64_t minus(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::int64_t>(a - b);
}
std::uint64_t plus(std::uint64_t a, std::int64_t b) {
  return a + static_cast<std::uint64_t>(b);
}
std::int64_t minus_us(std::int64_t a, std::int64_t b) {
  return minus(static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b));
}
std::int64_t plus_us(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(plus(static_cast<std::uint64_t>(a), b));
}

/// Phases field by field. Of one phase started and ended nearly tell the other times, and phases
/// mostly depend on others nearby.
struct phase_columns {
  std::vector<std::int64_t> place; ///< After the one before.
  std::vector<std::string> id;
  std::vector<std::string> name;
  std::vector<std::vector<std::int64_t>> dependencies; ///< Of a row's number here.
  std::vector<std::uint32_t> tasks;
  std::vector<std::uint32_t> done;
  std::vector<std::uint8_t> status;
  std::vector<std::uint32_t> attempt;
  std::vector<std::int64_t> started_us; ///< After the one before.
  std::vector<std::int64_t> attempt_us; ///< After started_us.
  std::vector<std::int64_t> ended_us;   ///< After attempt_us.
  std::vector<std::int64_t> worked_us;  ///< More than that.
  std::vector<std::int64_t> retry_at_us;
  std::vector<std::int64_t> typical_ms;
  std::vector<std::string> reason;
  std::vector<std::uint8_t> outcome_unknown;
  std::vector<std::string> overrider;
  std::vector<std::int64_t> seq; ///< After the one before.
};

template <class Inspector>
bool inspect(Inspector& f, phase_columns& x) {
  return f.object(x).fields(
      f.field("place", x.place), f.field("id", x.id), f.field("name", x.name),
      f.field("dependencies", x.dependencies), f.field("tasks", x.tasks), f.field("done", x.done),
      f.field("status", x.status), f.field("attempt", x.attempt),
      f.field("started_us", x.started_us), f.field("attempt_us", x.attempt_us),
      f.field("ended_us", x.ended_us), f.field("worked_us", x.worked_us),
      f.field("retry_at_us", x.retry_at_us), f.field("typical_ms", x.typical_ms),
      f.field("reason", x.reason), f.field("outcome_unknown", x.outcome_unknown),
      f.field("overrider", x.overrider), f.field("seq", x.seq));
}

/// Those that often say nothing of any row: they are left out then.
template <class Function>
void for_each_rare_column(phase_columns& x, Function f) {
  f(x.id);
  f(x.name);
  f(x.dependencies);
  f(x.tasks);
  f(x.retry_at_us);
  f(x.typical_ms);
  f(x.reason);
  f(x.outcome_unknown);
  f(x.overrider);
}

phase_columns columns_of(const std::vector<phase_view>& rows) {
  phase_columns to;
  std::int64_t last_us = 0;
  std::uint64_t last_seq = 0;
  std::uint64_t last_place = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& x = rows[i];
    to.place.push_back(minus(x.place, std::exchange(last_place, x.place)));
    to.id.push_back(x.id);
    to.name.push_back(x.name);
    auto& needs = to.dependencies.emplace_back();
    for (auto d : x.dependencies)
      needs.push_back(static_cast<std::int64_t>(i) - d);
    to.tasks.push_back(x.tasks);
    to.done.push_back(x.done);
    to.status.push_back(static_cast<std::uint8_t>(x.status));
    to.attempt.push_back(x.attempt);
    to.started_us.push_back(minus_us(x.started_us, last_us));
    to.attempt_us.push_back(minus_us(x.attempt_us, x.started_us));
    to.ended_us.push_back(minus_us(x.ended_us, x.attempt_us));
    to.worked_us.push_back(minus_us(x.worked_us, to.ended_us.back()));
    to.retry_at_us.push_back(x.retry_at_us);
    to.typical_ms.push_back(x.typical_ms);
    to.reason.push_back(x.reason);
    to.outcome_unknown.push_back(x.outcome_unknown ? 1 : 0);
    to.overrider.push_back(x.overrider);
    to.seq.push_back(minus(x.seq, std::exchange(last_seq, x.seq)));
    if (x.started_us != 0)
      last_us = x.started_us;
  }
  for_each_rare_column(to, []<class T>(std::vector<T>& column) {
    if (std::ranges::all_of(column, [](const T& value) { return value == T{}; }))
      column.clear();
  });
  return to;
}

/// False: the columns do not belong together.
bool to_rows(phase_columns&& from, std::vector<phase_view>& rows) {
  const auto n = from.place.size();
  if (from.seq.size() != n || rows.size() + n > most_rows)
    return false;
  for_each_rare_column(from, [n](auto& column) {
    if (column.empty())
      column.resize(n);
  });
  for (const auto size :
       {from.id.size(), from.name.size(), from.dependencies.size(), from.tasks.size(),
        from.done.size(), from.status.size(), from.attempt.size(), from.started_us.size(),
        from.attempt_us.size(), from.ended_us.size(), from.worked_us.size(),
        from.retry_at_us.size(), from.typical_ms.size(), from.reason.size(),
        from.outcome_unknown.size(), from.overrider.size(), from.seq.size()})
    if (size != n)
      return false;
  rows.reserve(rows.size() + n);
  std::int64_t last_us = 0;
  std::uint64_t last_seq = 0;
  std::uint64_t last_place = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (from.status[i] > static_cast<std::uint8_t>(phase_status::cancelled))
      return false;
    auto& x = rows.emplace_back();
    last_place = plus(last_place, from.place[i]);
    x.place = static_cast<std::uint32_t>(last_place);
    x.id = std::move(from.id[i]);
    x.name = std::move(from.name[i]);
    for (auto before : from.dependencies[i])
      x.dependencies.push_back(
          static_cast<std::uint32_t>(minus_us(static_cast<std::int64_t>(i), before)));
    x.tasks = from.tasks[i];
    x.done = from.done[i];
    x.status = static_cast<phase_status>(from.status[i]);
    x.attempt = from.attempt[i];
    x.started_us = plus_us(last_us, from.started_us[i]);
    x.attempt_us = plus_us(x.started_us, from.attempt_us[i]);
    x.ended_us = plus_us(x.attempt_us, from.ended_us[i]);
    x.worked_us = plus_us(from.ended_us[i], from.worked_us[i]);
    x.retry_at_us = from.retry_at_us[i];
    x.typical_ms = from.typical_ms[i];
    x.reason = std::move(from.reason[i]);
    x.outcome_unknown = from.outcome_unknown[i] != 0;
    x.overrider = std::move(from.overrider[i]);
    last_seq = x.seq = plus(last_seq, from.seq[i]);
    if (x.started_us != 0)
      last_us = x.started_us;
  }
  return true;
}

/// As an encoder writes event_columns, without making them.
std::string encoded_columns(const std::vector<event>& events) {
  std::string plain;
  encoder out{plain};
  const auto column = [&](auto field) {
    out.put(std::uint64_t{events.size()});
    for (const auto& e : events)
      out.put(field(e));
  };
  column([last = std::uint64_t{0}](const event& e) mutable {
    return minus(e.seq, std::exchange(last, e.seq));
  });
  column([last = std::uint64_t{0}](const event& e) mutable {
    const auto now_us = static_cast<std::uint64_t>(e.time_us);
    return minus(now_us, std::exchange(last, now_us));
  });
  column([](const event& e) { return static_cast<std::uint8_t>(e.kind); });
  column([](const event& e) -> const std::string& { return e.phase; });
  column([](const event& e) -> const std::string& { return e.task; });
  column([](const event& e) { return e.attempt; });
  column([](const event& e) -> const std::string& { return e.data; });
  return plain;
}

/// Appends. False: the columns do not belong together.
bool append_rows(event_columns&& from, std::vector<event>& to) {
  const auto n = from.seq.size();
  for (const auto size : {from.time_us.size(), from.kind.size(), from.phase.size(),
                          from.task.size(), from.attempt.size(), from.data.size()})
    if (size != n)
      return false;
  std::uint64_t seq = 0;
  std::uint64_t time_us = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (from.kind[i] > static_cast<std::uint8_t>(event_kind::execution_continued))
      return false;
    seq = plus(seq, from.seq[i]);
    time_us = plus(time_us, from.time_us[i]);
    to.push_back({.seq = seq,
                  .time_us = static_cast<std::int64_t>(time_us),
                  .kind = static_cast<event_kind>(from.kind[i]),
                  .phase = std::move(from.phase[i]),
                  .task = std::move(from.task[i]),
                  .attempt = from.attempt[i],
                  .data = std::move(from.data[i])});
  }
  return true;
}

std::string compressed(const std::string& plain) {
  std::string result(ZSTD_compressBound(plain.size()), '\0');
  // Into a buffer of that size nothing can fail but the allocation of the tables.
  const auto size =
      ZSTD_compress(result.data(), result.size(), plain.data(), plain.size(), fastest);
  result.resize(ZSTD_isError(size) != 0 ? 0 : size);
  result.shrink_to_fit();
  return result;
}

template <class T>
bool unpack_any(const std::string& bytes, T& to, std::size_t at_most = most_unpacked) {
  const auto size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size > at_most) // Also: unknown.
    return false;
  std::string plain(size, '\0');
  if (ZSTD_decompress(plain.data(), plain.size(), bytes.data(), bytes.size()) != size)
    return false;
  decoder in{plain};
  return in.get(to) && in.at_end();
}

/// Appends.
bool unpack_rows(const std::string& bytes, std::vector<phase_view>& to) {
  phase_columns columns;
  return bytes.empty()
         || (unpack_any(bytes, columns, most_unpacked_view) && to_rows(std::move(columns), to));
}

} // namespace

std::string pack(const std::vector<event>& xs) {
  return xs.empty() ? std::string{} : compressed(encoded_columns(xs));
}

std::string pack(const std::vector<phase_view>& xs) {
  if (xs.empty())
    return {};
  std::string plain;
  encoder{plain}.put(columns_of(xs));
  return compressed(plain);
}

bool unpack(event_page& page, std::uint64_t from) {
  if (page.changes.size() > most_changes)
    return false;
  for (auto& change : page.changes)
    if (!unpack_rows(std::exchange(change.packed, {}), change.phases))
      return false;
  std::vector<event> all;
  for (const auto& bytes : std::exchange(page.packed, {})) {
    event_columns part;
    if (!bytes.empty() && (!unpack_any(bytes, part) || !append_rows(std::move(part), all)))
      return false;
  }
  std::erase_if(all, [from](const event& e) { return e.seq < from; });
  all.insert(all.end(), std::make_move_iterator(page.events.begin()),
             std::make_move_iterator(page.events.end()));
  page.events = std::move(all);
  return true;
}

bool unpack(run_view& view) {
  return unpack_rows(std::exchange(view.packed, {}), view.phases);
}

} // namespace aeo::io
