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
bool unpack_any(const std::string& bytes, T& to) {
  const auto size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size > most_unpacked) // Also: unknown.
    return false;
  std::string plain(size, '\0');
  if (ZSTD_decompress(plain.data(), plain.size(), bytes.data(), bytes.size()) != size)
    return false;
  decoder in{plain};
  return in.get(to) && in.at_end();
}

} // namespace

std::string pack(const std::vector<event>& xs) {
  return xs.empty() ? std::string{} : compressed(encoded_columns(xs));
}

std::string pack(const std::vector<phase_view>& xs) {
  if (xs.empty())
    return {};
  std::string plain;
  encoder{plain}.put(xs);
  return compressed(plain);
}

bool unpack(event_page& page, std::uint64_t from) {
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
  const auto bytes = std::exchange(view.packed, {});
  return bytes.empty() || unpack_any(bytes, view.phases);
}

} // namespace aeo::io
