#include "tools/consolidate/history.hpp"

#include "tools/consolidate/paths.hpp"

#include <array>
#include <charconv>
#include <ctime>

namespace aeo::consolidate {

std::vector<git_ref> read_refs(const git& repository) {
  std::vector<git_ref> refs;
  const auto listing =
      repository.output({"for-each-ref", "--format=%(refname)%09%(objectname)%09%(objecttype)%09"
                                         "%(*objectname)%09%(*objecttype)%09%(symref)"});
  for (const auto line : split(listing, '\n')) {
    const auto fields = split(line, '\t');
    if (fields.size() < 6)
      continue;
    git_ref ref{std::string(fields[0]), std::string(fields[1]), std::string(fields[2]), "",
                std::string(fields[5])};
    if (ref.type == "commit")
      ref.commit = ref.oid;
    else if (fields[4] == "commit")
      ref.commit = fields[3];
    refs.push_back(std::move(ref));
  }
  return refs;
}

std::vector<commit_facts> read_commits(const git& repository) {
  std::vector<commit_facts> commits;
  const auto log = repository.output(
      {"log", "--all", "HEAD", "-z", "--encoding=UTF-8", "--format=%H%x1f%an%x1f%ae%x1f%ct"});
  for (const auto record : split(log, '\0')) {
    const auto fields = split(record, '\x1f');
    if (fields.size() < 4)
      continue;
    commit_facts item{std::string(fields[0]), printable(fields[1], 200), printable(fields[2], 200),
                      0};
    std::from_chars(fields[3].data(), fields[3].data() + fields[3].size(), item.committed);
    commits.push_back(std::move(item));
  }
  return commits;
}

std::string iso_time(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::array<char, 40> text{};
  const auto n = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), n};
}

} // namespace aeo::consolidate
