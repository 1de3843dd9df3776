#include "tools/consolidate/strategy.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

namespace aeo::consolidate {

namespace {

/// When each of some paths of a source last changed: one `git log`, newest first.
std::map<std::string, std::int64_t> last_changes(const source& from,
                                                 const std::set<std::string>& paths) {
  std::map<std::string, std::int64_t> times;
  if (!from.has_history() || paths.empty())
    return times;
  std::vector<std::string> args{"--literal-pathspecs", "log",  "-z", "--no-renames", "--name-only",
                                "--format=%x01%ct",    "HEAD", "--"};
  args.insert(args.end(), paths.begin(), paths.end());
  const auto log = from.repository().output(args);
  std::int64_t time = 0;
  for (auto record : split(log, '\0')) {
    if (record.starts_with('\n'))
      record.remove_prefix(1);
    if (record.starts_with('\x01'))
      std::from_chars(record.data() + 1, record.data() + record.size(), time);
    else if (!record.empty())
      times.emplace(record, time);
  }
  return times;
}

class planner {
public:
  planner(const step_context& context, const survey& all, const component_map& map)
      : context_(context), all_(all) {
    for (std::size_t f = 0; f < all.files.size(); ++f)
      wanted_[map.target_of(all.files[f].source, all.tracked(all.files[f]).path)].push_back(f);
    for (const auto& [target, files] : wanted_)
      taken_.insert(target);
  }

  std::vector<collision> run() {
    for (const auto& [target, files] : wanted_) {
      const auto below = wanted_.lower_bound(target + "/");
      const bool directory = below != wanted_.end() && below->first.starts_with(target + "/");
      if (files.size() > 1 || directory)
        result_.push_back(make(target, files, directory));
    }
    load_times();
    for (auto& item : result_)
      decide(item);
    return std::move(result_);
  }

private:
  const tracked_file& tracked(std::size_t f) const { return all_.tracked(all_.files[f]); }

  collision make(const std::string& target, const std::vector<std::size_t>& files,
                 bool directory) const {
    collision item{target, "identical", "", "", {}};
    const auto& first = all_.files[files[0]];
    for (const auto f : files) {
      item.files.push_back({f, target});
      const bool same = all_.files[f].facts.oid == first.facts.oid && oid(f) == oid(files[0])
                        && tracked(f).mode == tracked(files[0]).mode;
      if (!same)
        item.kind = "diverging";
    }
    if (directory)
      item.kind = "file_vs_directory";
    return item;
  }

  /// What HEAD says, not the work tree: HEAD is what is merged.
  const std::string& oid(std::size_t f) const {
    return tracked(f).oid.empty() ? all_.files[f].facts.oid : tracked(f).oid;
  }

  const strategy_rule* configured(const collision& item) const {
    for (const auto& rule : context_.config.strategies) {
      if (any_glob_matches(rule.match, item.target))
        return &rule;
    }
    return nullptr;
  }

  void load_times() {
    std::map<std::size_t, std::set<std::string>> paths;
    for (const auto& item : result_) {
      const auto* rule = configured(item);
      for (const auto& file : item.files) {
        if (rule != nullptr && rule->strategy == "keep_newest")
          paths[all_.files[file.file].source].insert(tracked(file.file).path);
      }
    }
    for (const auto& [s, wanted] : paths)
      times_[s] = last_changes(all_.sources[s], wanted);
  }

  void decide(collision& item) {
    const auto* rule = configured(item);
    if (item.kind == "identical") {
      item.strategy = "keep_one";
      item.reason = "the files are the same: one of them stands for all";
      return;
    }
    if (item.kind == "diverging" && rule != nullptr) {
      item.strategy = rule->strategy;
      item.reason = "configured: " + rule->reason;
      if (rule->strategy != "rename") {
        keep(item, rule->strategy == "keep_newest" ? newest(item) : of_repository(item, *rule));
        return;
      }
    } else {
      item.strategy = "rename";
      item.reason =
          item.kind == "diverging"
              ? "the files differ: each is kept under its repository's name, nothing is lost"
              : "a directory needs this name: the file is kept beside it";
    }
    for (auto& file : item.files)
      file.target = renamed(item.target, all_.source_of(all_.files[file.file]).name);
  }

  std::size_t newest(const collision& item) const {
    std::size_t best = 0;
    std::int64_t best_time = -1;
    for (std::size_t i = 0; i < item.files.size(); ++i) {
      const auto source = times_.find(all_.files[item.files[i].file].source);
      std::int64_t time = 0;
      if (source != times_.end()) {
        const auto found = source->second.find(tracked(item.files[i].file).path);
        time = found == source->second.end() ? 0 : found->second;
      }
      if (time > best_time) {
        best = i;
        best_time = time;
      }
    }
    return best;
  }

  std::size_t of_repository(const collision& item, const strategy_rule& rule) const {
    for (std::size_t i = 0; i < item.files.size(); ++i) {
      if (all_.source_of(all_.files[item.files[i].file]).name == rule.repository)
        return i;
    }
    throw failure(exit_status::configuration,
                  context_.config.file + ": /strategies: keep_repository \"" + rule.repository
                      + "\" has no file for " + encode_path(item.target)
                      + ", expected one of the repositories that collide there");
  }

  static void keep(collision& item, std::size_t winner) {
    for (std::size_t i = 0; i < item.files.size(); ++i) {
      if (i != winner)
        item.files[i].target.clear();
    }
  }

  std::string renamed(const std::string& target, const std::string& repository) {
    const auto base = repository + "-" + std::string(base_name(target));
    auto name = join_path(dir_name(target), base);
    for (int n = 2; !taken_.insert(name).second; ++n)
      name = join_path(dir_name(target), std::to_string(n) + "-" + base);
    return name;
  }

  const step_context& context_;
  const survey& all_;
  std::map<std::string, std::vector<std::size_t>> wanted_;
  std::set<std::string> taken_;
  std::map<std::size_t, std::map<std::string, std::int64_t>> times_;
  std::vector<collision> result_;
};

} // namespace

std::vector<collision> find_collisions(const step_context& context, const survey& all,
                                       const component_map& map) {
  return planner(context, all, map).run();
}

} // namespace aeo::consolidate
