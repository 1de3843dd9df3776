#include "actors/io/launcher_records.hpp"

#include "actors/io/codec.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace aeo::io {

namespace {

enum record_type : std::uint8_t { header = 1, intent = 2, started = 3, ended = 4, acked = 5 };

constexpr std::size_t head = 8;
constexpr std::size_t smallest_rewrite = 256 * 1024;
constexpr const char* temporary_name = "launcher.records.new";

constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    auto x = i;
    for (int bit = 0; bit < 8; ++bit)
      x = (x >> 1) ^ ((x & 1) != 0 ? 0xedb88320U : 0U);
    table[i] = x;
  }
  return table;
}();

std::uint32_t crc32(std::string_view text) {
  std::uint32_t x = ~0U;
  for (const auto c : text)
    x = crc_table[(x ^ static_cast<std::uint8_t>(c)) & 0xff] ^ (x >> 8);
  return ~x;
}

std::uint32_t load_u32(std::string_view from) {
  std::uint32_t x = 0;
  for (std::size_t i = 0; i < 4; ++i)
    x |= std::uint32_t{static_cast<std::uint8_t>(from[i])} << (8 * i);
  return x;
}

void store_u32(std::string& to, std::size_t at, std::uint32_t x) {
  for (std::size_t i = 0; i < 4; ++i)
    to[at + i] = static_cast<char>(x >> (8 * i));
}

template <class T>
void append_record(std::string& to, record_type type, const T& x) {
  const auto start = to.size();
  to.append(head, '\0');
  to.push_back(static_cast<char>(type));
  encoder{to}.put(x);
  const auto body = std::string_view{to}.substr(start + head);
  const auto sum = crc32(body);
  store_u32(to, start, static_cast<std::uint32_t>(body.size()));
  store_u32(to, start + 4, sum);
}

bool apply(recorded_state& state, std::uint8_t type, decoder f) {
  task_key key;
  task_start start;
  task_exit exit;
  if (type != header && !state.found)
    return false; // Nobody knows whose it is.
  switch (type) {
  case header:
    state.found = true;
    return f.get(state.header) && f.at_end();
  case intent:
    if (!f.get(key) || !f.at_end())
      return false;
    state.running[key].key = key;
    return true;
  case started:
    if (!f.get(start) || !f.at_end())
      return false;
    state.running[start.key] = start;
    return true;
  case ended:
    if (!f.get(exit) || !f.at_end())
      return false;
    state.running.erase(exit.key);
    state.ended[exit.key] = exit;
    return true;
  case acked:
    if (!f.get(key) || !f.at_end())
      return false;
    state.ended.erase(key);
    return true;
  default:
    return false;
  }
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

} // namespace

recorded_state parse_records(std::string_view text) {
  recorded_state state;
  const auto size = text.size();
  while (!text.empty()) {
    if (text.size() < head)
      break;
    const std::size_t length = load_u32(text);
    if (length == 0 || length > text.size() - head)
      break;
    const auto body = text.substr(head, length);
    if (crc32(body) != load_u32(text.substr(4)))
      break;
    if (!apply(state, static_cast<std::uint8_t>(body.front()), decoder{body.substr(1)}))
      break;
    text.remove_prefix(head + length);
  }
  if (!text.empty())
    state.note = "the last " + std::to_string(text.size()) + " of " + std::to_string(size)
                 + " bytes of " + records_name + " are damaged and were dropped";
  return state;
}

recorded_state read_records(int folder) {
  unique_fd fd{::openat(folder, records_name, O_RDONLY | O_CLOEXEC)};
  recorded_state state;
  std::string text;
  struct stat info {};
  if (!fd) {
    if (errno != ENOENT)
      state.note = std::string{"cannot read "} + records_name + ": " + std::strerror(errno);
    return state;
  }
  if (::fstat(fd.get(), &info) == 0)
    text.resize(static_cast<std::size_t>(info.st_size));
  std::size_t got = 0;
  while (got < text.size()) {
    const auto n = ::read(fd.get(), text.data() + got, text.size() - got);
    if (n <= 0)
      break;
    got += static_cast<std::size_t>(n);
  }
  text.resize(got);
  return parse_records(text);
}

record_file::record_file(int folder, records_header by, std::map<task_key, task_exit> earlier)
    : folder_{folder} {
  state_.found = true;
  state_.header = std::move(by);
  state_.ended = std::move(earlier);
}

void record_file::intend(const task_key& key) {
  state_.running[key].key = key;
  append_record(pending_, io::intent, key);
}

void record_file::started(const task_start& x) {
  state_.running[x.key] = x;
  append_record(pending_, io::started, x);
}

void record_file::ended(const task_exit& x) {
  state_.running.erase(x.key);
  state_.ended[x.key] = x;
  append_record(pending_, io::ended, x);
}

void record_file::acknowledged(const task_key& key) {
  if (state_.ended.erase(key) > 0)
    append_record(pending_, io::acked, key);
}

bool record_file::flush(bool sync) {
  const bool dirty = !pending_.empty() || (sync && unsynced_);
  if (!dirty)
    return true;
  if (replace_ || size_ + pending_.size() > rewrite_at_)
    return rewrite(sync);
  if (!write_all(file_.get(), pending_)) {
    replace_ = true; // A record may be torn: nothing may follow it.
    return fail("write");
  }
  size_ += pending_.size();
  pending_.clear();
  unsynced_ = true;
  if (sync && ::fdatasync(file_.get()) != 0)
    return fail("sync");
  unsynced_ = unsynced_ && !sync;
  error_.clear();
  return true;
}

bool record_file::finish() {
  if (state_.ended.empty()) {
    file_.reset();
    return ::unlinkat(folder_, records_name, 0) == 0 || errno == ENOENT;
  }
  return rewrite(true);
}

bool record_file::rewrite(bool sync) {
  std::string text;
  append_record(text, io::header, state_.header);
  for (const auto& [key, start] : state_.running)
    if (start.pid == 0)
      append_record(text, io::intent, key);
    else
      append_record(text, io::started, start);
  for (const auto& [key, exit] : state_.ended)
    append_record(text, io::ended, exit);
  // What an earlier file alone keeps must not be lost between the two.
  sync = sync || !state_.ended.empty();
  unique_fd fd{::openat(folder_, temporary_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                        S_IRUSR | S_IWUSR)};
  if (!fd)
    return fail("create");
  if (!write_all(fd.get(), text))
    return fail("write");
  if (sync && ::fsync(fd.get()) != 0)
    return fail("sync");
  if (::renameat(folder_, temporary_name, folder_, records_name) != 0)
    return fail("replace");
  file_ = std::move(fd);
  size_ = text.size();
  rewrite_at_ = std::max(smallest_rewrite, 4 * size_);
  replace_ = false;
  pending_.clear();
  unsynced_ = !sync;
  if (sync && ::fsync(folder_) != 0)
    return fail("sync");
  error_.clear();
  return true;
}

bool record_file::fail(const char* what) {
  error_ = std::string{"cannot "} + what + " " + records_name + ": " + std::strerror(errno);
  return false;
}

} // namespace aeo::io
