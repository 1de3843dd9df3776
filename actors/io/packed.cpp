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

template <class T>
std::string pack_list(const std::vector<T>& xs) {
  std::string result;
  if (xs.empty())
    return result;
  std::string plain;
  encoder{plain}.put(xs);
  result.resize(ZSTD_compressBound(plain.size()));
  // Into a buffer of that size nothing can fail but the allocation of the tables.
  const auto size =
      ZSTD_compress(result.data(), result.size(), plain.data(), plain.size(), fastest);
  result.resize(ZSTD_isError(size) != 0 ? 0 : size);
  result.shrink_to_fit();
  return result;
}

/// Appends.
template <class T>
bool unpack_list(const std::string& bytes, std::vector<T>& to) {
  if (bytes.empty())
    return true;
  const auto size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size > most_unpacked) // Also: unknown.
    return false;
  std::string plain(size, '\0');
  if (ZSTD_decompress(plain.data(), plain.size(), bytes.data(), bytes.size()) != size)
    return false;
  std::vector<T> more;
  decoder in{plain};
  if (!in.get(more) || !in.at_end())
    return false;
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  return true;
}

} // namespace

std::string pack(const std::vector<event>& xs) {
  return pack_list(xs);
}

std::string pack(const std::vector<phase_view>& xs) {
  return pack_list(xs);
}

bool unpack(event_page& page, std::uint64_t from) {
  std::vector<event> all;
  for (const auto& bytes : std::exchange(page.packed, {}))
    if (!unpack_list(bytes, all))
      return false;
  std::erase_if(all, [from](const event& e) { return e.seq < from; });
  all.insert(all.end(), std::make_move_iterator(page.events.begin()),
             std::make_move_iterator(page.events.end()));
  page.events = std::move(all);
  return true;
}

bool unpack(run_view& view) {
  return unpack_list(std::exchange(view.packed, {}), view.phases);
}

} // namespace aeo::io
