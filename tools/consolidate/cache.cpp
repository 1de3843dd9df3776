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

using nlohmann::json;

constexpr int cache_version = 3;

json names_to_json(const std::vector<named_line>& names) {
  json list = json::array();
  for (const auto& item : names) {
    list.push_back(item.name);
    list.push_back(item.line);
  }
  return list;
}

std::vector<named_line> names_from_json(const json& list) {
  std::vector<named_line> names;
  for (std::size_t i = 0; i + 1 < list.size(); i += 2)
    names.push_back({list[i].get<std::string>(), list[i + 1].get<std::uint32_t>()});
  return names;
}

json uses_to_json(const std::vector<variable_use>& uses) {
  json list = json::array();
  for (const auto& use : uses) {
    list.push_back(use.name);
    list.push_back(use.line);
    list.push_back(use.required);
  }
  return list;
}

std::vector<variable_use> uses_from_json(const json& list) {
  std::vector<variable_use> uses;
  for (std::size_t i = 0; i + 2 < list.size(); i += 3)
    uses.push_back(
        {list[i].get<std::string>(), list[i + 1].get<std::uint32_t>(), list[i + 2].get<bool>()});
  return uses;
}

json secrets_to_json(const std::vector<secret_hit>& hits) {
  json list = json::array();
  for (const auto& hit : hits)
    list.push_back(
        {hit.rule, hit.line, hit.offset, hit.length, hit.encoding, hit.fingerprint, hit.name});
  return list;
}

std::vector<secret_hit> secrets_from_json(const json& list) {
  std::vector<secret_hit> hits;
  for (const auto& a : list)
    hits.push_back({a.at(0), a.at(1), a.at(2), a.at(3), a.at(4), a.at(5), a.at(6)});
  return hits;
}

/// A fixed order instead of names: half the size, and the reader below mirrors it line by line.
json to_json(const file_facts& f) {
  json hits = json::array();
  for (const auto& hit : f.hits) {
    hits.push_back(hit.rule);
    hits.push_back(hit.line);
  }
  json checks = json::array();
  for (const auto& hit : f.checks) {
    checks.push_back(hit.rule);
    checks.push_back(hit.line);
  }
  const int flags =
      (f.binary ? 1 : 0) | (f.lfs_pointer ? 2 : 0) | (f.too_large ? 4 : 0) | (f.from_git ? 8 : 0);
  return json::array({f.size, f.mtime, f.inode, f.oid, f.lf_oid, f.language, flags, f.lines.code,
                      f.lines.comment, f.lines.blank, names_to_json(f.refs.imports),
                      uses_to_json(f.refs.env_used), names_to_json(f.refs.env_declared), hits,
                      secrets_to_json(f.secrets), checks});
}

file_facts from_json(const json& a) {
  file_facts f;
  f.size = a.at(0);
  f.mtime = a.at(1);
  f.inode = a.at(2);
  f.oid = a.at(3);
  f.lf_oid = a.at(4);
  f.language = a.at(5);
  const int flags = a.at(6);
  f.binary = (flags & 1) != 0;
  f.lfs_pointer = (flags & 2) != 0;
  f.too_large = (flags & 4) != 0;
  f.from_git = (flags & 8) != 0;
  f.lines = {a.at(7), a.at(8), a.at(9)};
  f.refs = {names_from_json(a.at(10)), uses_from_json(a.at(11)), names_from_json(a.at(12))};
  const auto& hits = a.at(13);
  for (std::size_t i = 0; i + 1 < hits.size(); i += 2)
    f.hits.push_back({hits[i].get<std::uint32_t>(), hits[i + 1].get<std::uint32_t>()});
  f.secrets = secrets_from_json(a.at(14));
  const auto& checks = a.at(15);
  for (std::size_t i = 0; i + 1 < checks.size(); i += 2)
    f.checks.push_back({checks[i].get<std::uint32_t>(), checks[i + 1].get<std::uint32_t>()});
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
  std::ifstream in(file_, std::ios::binary);
  if (!in)
    return;
  try {
    const auto document = json::from_msgpack(in);
    if (document.at("version") != cache_version || document.at("rules") != rules_)
      return;
    for (const auto& [path, facts] : document.at("files").items())
      known_.emplace(path, from_json(facts));
  } catch (const json::exception&) {
    known_.clear(); // damaged: as good as none, and written anew at the end
  }
}

const file_facts* scan_cache::find(const std::string& path) const {
  const auto it = known_.find(path);
  return it == known_.end() ? nullptr : &it->second;
}

void scan_cache::save(const std::unordered_map<std::string, const file_facts*>& all) const {
  json files = json::object();
  for (const auto& [path, facts] : all)
    files[path] = to_json(*facts);
  const auto bytes = json::to_msgpack(
      {{"version", cache_version}, {"rules", rules_}, {"files", std::move(files)}});
  write_durably(file_, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

} // namespace aeo::consolidate
