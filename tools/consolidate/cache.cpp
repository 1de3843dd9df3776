#include "tools/consolidate/cache.hpp"

#include "tools/consolidate/failure.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace aeo::consolidate {

namespace {

constexpr std::string_view magic = "aeo-scan 7\n";

/// Appends what `cache_reader` reads.
class cache_writer {
public:
  void number(std::uint64_t value) {
    for (; value >= 128; value >>= 7)
      bytes_ += static_cast<char>(value % 128 + 128);
    bytes_ += static_cast<char>(value);
  }

  void text(std::string_view value) {
    number(value.size());
    bytes_ += value;
  }

  template <class Item, class Write>
  void list(const std::vector<Item>& items, Write write) {
    number(items.size());
    for (const auto& item : items)
      write(item);
  }

  std::string_view bytes() const { return bytes_; }

private:
  std::string bytes_{magic};
};

/// Never reads past the end: from the first thing that is not there on, everything is 0 or empty.
class cache_reader {
public:
  explicit cache_reader(std::string_view bytes) : rest_(bytes), good_(bytes.starts_with(magic)) {
    rest_.remove_prefix(good_ ? magic.size() : rest_.size());
  }

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte % 128U} << shift;
      if (byte < 128)
        return value;
    }
    good_ = false;
    rest_ = {};
    return 0;
  }

  template <class Number>
  Number number_as() {
    return static_cast<Number>(number());
  }

  std::string text() {
    const auto size = number();
    if (size > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }

  template <class Item, class Read>
  void list(std::vector<Item>& items, Read read) {
    const auto count = number();
    if (count > rest_.size()) // each item has a byte at least
      good_ = false;
    else
      items.reserve(count);
    for (std::uint64_t i = 0; i < count && good_; ++i)
      items.push_back(read());
  }

  bool good() const { return good_; }
  bool at_end() const { return good_ && rest_.empty(); }

private:
  std::string_view rest_;
  bool good_;
};

void write_facts(cache_writer& out, const file_facts& f) {
  const auto named = [&](const named_line& item) {
    out.text(item.name);
    out.number(item.line);
  };
  const auto hit = [&](const auto& item) {
    out.number(item.rule);
    out.number(item.line);
  };
  out.number(f.size);
  out.number(static_cast<std::uint64_t>(f.mtime));
  out.number(f.inode);
  out.text(f.oid);
  out.text(f.lf_oid);
  out.text(f.language);
  out.number((f.binary ? 1U : 0U) | (f.lfs_pointer ? 2U : 0U) | (f.too_large ? 4U : 0U)
             | (f.from_git ? 8U : 0U));
  out.number(f.lines.code);
  out.number(f.lines.comment);
  out.number(f.lines.blank);
  out.list(f.refs.imports, named);
  out.list(f.refs.env_used, [&](const variable_use& use) {
    out.text(use.name);
    out.number(use.line);
    out.number(use.required ? 1 : 0);
  });
  out.list(f.refs.env_declared, named);
  out.number(f.refs.main_line);
  out.list(f.hits, hit);
  out.list(f.secrets, [&](const secret_hit& item) {
    hit(item);
    out.number(item.offset);
    out.number(item.length);
    out.text(item.encoding);
    out.text(item.fingerprint);
    out.text(item.name);
  });
  out.list(f.checks, hit);
}

file_facts read_facts(cache_reader& in) {
  file_facts f;
  const auto line = [&] { return in.number_as<std::uint32_t>(); };
  // Members of a braced list are read in their order.
  const auto named = [&] { return named_line{in.text(), line()}; };
  f.size = in.number();
  f.mtime = in.number_as<std::int64_t>();
  f.inode = in.number();
  f.oid = in.text();
  f.lf_oid = in.text();
  f.language = in.text();
  const auto flags = in.number();
  f.binary = (flags & 1) != 0;
  f.lfs_pointer = (flags & 2) != 0;
  f.too_large = (flags & 4) != 0;
  f.from_git = (flags & 8) != 0;
  f.lines.code = in.number();
  f.lines.comment = in.number();
  f.lines.blank = in.number();
  in.list(f.refs.imports, named);
  in.list(f.refs.env_used, [&] { return variable_use{in.text(), line(), in.number() != 0}; });
  in.list(f.refs.env_declared, named);
  f.refs.main_line = line();
  in.list(f.hits, [&] { return rule_hit{line(), line()}; });
  in.list(f.secrets, [&] {
    return secret_hit{line(),    line(),    in.number(), in.number_as<std::uint32_t>(),
                      in.text(), in.text(), in.text()};
  });
  in.list(f.checks, [&] { return check_hit{line(), line()}; });
  return f;
}

} // namespace

scan_cache::scan_cache(const std::string& directory, const rule_set& rules)
    : file_(directory + "/scan"), rules_(rules.digest()) {
  std::error_code ec;
  std::filesystem::create_directories(directory, ec);
  lock_ = ::open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0)
    throw failure(exit_status::try_again, directory + ": cannot be written: " + std::strerror(errno)
                                              + " (free space or fix permissions, then run again)");
  while (::flock(lock_, LOCK_EX) != 0 && errno == EINTR) {
  }
  load();
}

scan_cache::~scan_cache() {
  ::close(lock_);
}

void scan_cache::load() {
  std::ifstream file(file_, std::ios::binary | std::ios::ate);
  std::string bytes(file ? static_cast<std::size_t>(file.tellg()) : 0, '\0');
  file.seekg(0);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  cache_reader in(bytes);
  if (!file || in.text() != rules_)
    return;
  const auto count = in.number();
  for (std::uint64_t i = 0; i < count && in.good(); ++i) {
    auto path = in.text();
    known_.insert_or_assign(std::move(path), read_facts(in));
  }
  if (!in.at_end())
    known_.clear(); // damaged: as good as none, and written anew at the end
}

const file_facts* scan_cache::find(const std::string& path) const {
  const auto it = known_.find(path);
  return it == known_.end() ? nullptr : &it->second;
}

void scan_cache::save(const std::unordered_map<std::string, const file_facts*>& all) const {
  cache_writer out;
  out.text(rules_);
  out.number(all.size());
  for (const auto& [path, facts] : all) {
    out.text(path);
    write_facts(out, *facts);
  }
  write_durably(file_, out.bytes());
}

} // namespace aeo::consolidate
