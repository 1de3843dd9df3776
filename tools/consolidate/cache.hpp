#pragma once

#include "tools/consolidate/scan.hpp"

#include <optional>
#include <string>
#include <unordered_map>

namespace aeo::consolidate {

/// `consolidation/.cache/scan`, read by every step and therefore as plain as can be:
///   cache  = "aeo-scan 6" LF text(digest of the rules) number(files) file*
///   file   = text(path) facts, the members of `file_facts` in their order but `problem`
///   number = base 128, lowest digit first, all but the last digit with 128 added
///   text   = number(bytes) bytes;  list = number(items) item*
/// A cache that cannot be read, or was made under other rules, is an empty one.
/// Holds an advisory lock from construction to destruction.
class scan_cache {
public:
  scan_cache(const std::string& directory, const rule_set& rules);
  ~scan_cache();
  scan_cache(const scan_cache&) = delete;
  scan_cache& operator=(const scan_cache&) = delete;

  const file_facts* find(const std::string& path) const;
  void save(const std::unordered_map<std::string, const file_facts*>& all) const;
  std::size_t size() const { return known_.size(); }

private:
  void load();

  std::string file_;
  std::string rules_;
  int lock_ = -1;
  std::unordered_map<std::string, file_facts> known_;
};

} // namespace aeo::consolidate
