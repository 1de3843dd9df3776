// Phase 9: secrets in the tree and in the whole history.
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/phase9.hpp"
#include "tools/consolidate/secret_history.hpp"
#include "tools/consolidate/security_findings.hpp"
#include "tools/consolidate/variable_table.hpp"
#include "tools/consolidate/wording.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace aeo::consolidate {

namespace {

struct secret_place {
  secret_hit hit;
  std::string found_in; ///< tree, file name, link target, history, commit message, ...
  std::string path;
  std::string commit;
  std::string object;
  bool binary = false;

  /// What HEAD or the work tree has; else only the history has it.
  bool of_head() const {
    return found_in == "tree" || found_in == "link target"
           || (found_in == "file name" && object.empty());
  }
};

/// The same secret at the same path is one finding, however many versions of the file have it.
using secret_key = std::tuple<std::size_t, std::uint32_t, std::string, std::string>;

constexpr std::size_t shown_places = 10;

ordered secret_place_json(const secret_place& item) {
  ordered place{{"found_in", item.found_in}, {"path", encode_path(item.path)}};
  // Lines of what has none, or is decoded as a whole, would lead nowhere.
  if (item.binary)
    place["offset"] = item.hit.offset;
  else if (item.hit.line > 0)
    place["line"] = item.hit.line;
  if (!item.commit.empty())
    place["commit"] = item.commit;
  if (!item.object.empty())
    place["object"] = item.object;
  return place;
}

class secrets_report {
public:
  secrets_report(const step_context& context, const survey& all, const rule_set& rules)
      : context_(context), all_(all), rules_(rules), findings_(context.config.security) {}

  ordered document() {
    for (const auto& file : all_.files)
      add_tree(file);
    for (std::size_t s = 0; s < all_.sources.size(); ++s) {
      if (all_.sources[s].has_history())
        add_history(s);
    }
    for (const auto& [key, places] : found_)
      add_finding(std::get<0>(key), places);
    ordered document{{"rules", context_.config.security.secrets.rules.size()},
                     {"files_scanned", files_},
                     {"bytes_scanned", bytes_},
                     {"history", history_},
                     {"secrets_total", found_.size()},
                     {"in_tree", in_tree_},
                     {"history_only", found_.size() - in_tree_}};
    findings_.write(document);
    document["not_scanned"] = not_scanned_;
    return document;
  }

private:
  void add_tree(const scanned_file& file) {
    const auto& tracked = all_.tracked(file);
    add_name(file, tracked.path, "file name");
    if (tracked.is_symlink())
      return add_name(file, read_link(all_, file), "link target");
    if (tracked.is_submodule())
      return not_scanned(file, "a submodule: its content is in another repository");
    const auto& facts = file.facts;
    const bool unread = facts.too_large && facts.from_git;
    if (!facts.problem.empty() || facts.lfs_pointer)
      not_scanned(file, facts.lfs_pointer ? "the content is in Git LFS" : facts.problem);
    else if (is_compressed(tracked.path))
      not_scanned(file, "compressed: only its bytes were searched, it was not unpacked");
    if (!facts.problem.empty() || unread)
      return;
    ++files_;
    bytes_ += facts.size;
    for (const auto& hit : facts.secrets)
      found_[{file.source, hit.rule, hit.fingerprint, tracked.path}].push_back(
          {hit, "tree", tracked.path, "", "", facts.binary});
  }

  void add_name(const scanned_file& file, const std::string& text, const char* found_in) {
    for (auto& hit : rules_.secrets().search("", text)) {
      hit.line = 0;
      const auto& path = all_.tracked(file).path;
      found_[{file.source, hit.rule, hit.fingerprint, path}].push_back(
          {hit, found_in, path, "", "", false});
    }
  }

  static bool is_compressed(const std::string& path) {
    static const std::vector<std::string> globs{
        "*.zip", "*.gz",  "*.tgz", "*.bz2", "*.xz",  "*.zst",  "*.7z",   "*.rar", "*.jar",
        "*.war", "*.whl", "*.egg", "*.deb", "*.rpm", "*.docx", "*.xlsx", "*.pdf"};
    return any_glob_matches(globs, path);
  }

  void not_scanned(const scanned_file& file, const std::string& reason) {
    not_scanned_.push_back({{"repository", all_.source_of(file).name},
                            {"path", encode_path(all_.tracked(file).path)},
                            {"status", "not_measured"},
                            {"reason", reason}});
  }

  void add_history(std::size_t s) {
    const auto& from = all_.sources[s];
    std::unordered_set<std::string> known;
    for (const auto& file : all_.files) {
      const auto& facts = file.facts;
      if (file.source == s && facts.problem.empty() && !(facts.too_large && facts.from_git))
        known.insert(all_.tracked(file).is_symlink() ? all_.tracked(file).oid : facts.oid);
    }
    const auto report = scan_history(context_, from, rules_.secrets(), known);
    for (const auto& item : report.secrets) {
      auto& places = found_[{s, item.hit.rule, item.hit.fingerprint, item.path}];
      // Of a name once: in the tree, or in one of the commits that have it.
      const auto same = [&](const secret_place& place) {
        return place.found_in == item.found_in && item.found_in == "file name";
      };
      if (std::none_of(places.begin(), places.end(), same))
        places.push_back({item.hit, item.found_in, item.path, item.commit, item.object, false});
    }
    for (const auto& problem : report.problems)
      not_scanned_.push_back({{"repository", from.name},
                              {"path", ".git"},
                              {"status", "not_measured"},
                              {"reason", problem}});
    if (from.shallow)
      not_scanned_.push_back({{"repository", from.name},
                              {"path", ".git"},
                              {"status", "not_measured"},
                              {"reason", "a shallow clone: older commits are not here"}});
    history_.push_back({{"repository", from.name},
                        {"blobs_read", report.blobs},
                        {"blobs_known_from_tree", report.known},
                        {"commits_and_tags_read", report.messages},
                        {"bytes_read", report.bytes}});
  }

  void add_finding(std::size_t s, const std::vector<secret_place>& places) {
    const auto& first = places.front();
    const auto& rule = rules_.secrets().rule(first.hit.rule);
    in_tree_ += first.of_head() ? 1 : 0;
    ordered where{{"repository", all_.sources[s].name}};
    where.update(secret_place_json(first));
    where["encoding"] = first.hit.encoding;
    where["fingerprint"] = first.hit.fingerprint;
    where["length"] = length_class(first.hit.length);
    where["places_total"] = places.size();
    where["places"] = ordered::array();
    for (const auto& item : places) {
      if (where["places"].size() < shown_places)
        where["places"].push_back(secret_place_json(item));
    }
    where["migrate_to"] = migration(first.hit.name, rule.id);
    auto message =
        rule.title + " in " + (first.found_in == "tree" ? "the tree" : "a " + first.found_in);
    if (first.found_in == "history")
      message = rule.title + " in the history only";
    if (first.hit.encoding != "plain")
      message += ", encoded as " + first.hit.encoding;
    findings_.add(rule.severity, rule.id, message, rule.advice, all_.sources[s].name, first.path,
                  where);
  }

  /// The variable that takes the secret's place.
  ordered migration(const std::string& given, const std::string& rule) const {
    std::string name;
    for (std::size_t i = 0; i < given.size(); ++i) {
      const auto c = static_cast<unsigned char>(given[i]);
      if (i > 0 && std::isupper(c) != 0
          && std::islower(static_cast<unsigned char>(given[i - 1])) != 0)
        name += '_';
      name += static_cast<char>(std::toupper(c));
    }
    if (name.empty()) {
      name = upper(rule);
      std::replace(name.begin(), name.end(), '-', '_');
    }
    if (declared_.empty()) {
      declared_.insert("");
      for (const auto& file : all_.files) {
        for (const auto& item : file.facts.refs.env_declared)
          declared_.insert(item.name);
      }
    }
    return {{"variable", name}, {"declared", declared_.contains(name)}};
  }

  const step_context& context_;
  const survey& all_;
  const rule_set& rules_;
  finding_list findings_;
  std::map<secret_key, std::vector<secret_place>> found_;
  mutable std::unordered_set<std::string> declared_;
  std::size_t files_ = 0;
  std::uint64_t bytes_ = 0;
  std::size_t in_tree_ = 0;
  ordered history_ = ordered::array();
  ordered not_scanned_ = ordered::array();
};

} // namespace

step_result secrets_migration(const step_context& context) {
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  auto document = secrets_report(context, all, rules).document();
  std::size_t blobs = 0;
  for (const auto& item : document["history"])
    blobs += item["blobs_read"].get<std::size_t>();
  const auto summary =
      counted(document["secrets_total"], "secret") + " (" + document["in_tree"].dump()
      + " in the tree, " + document["history_only"].dump() + " in the history only) in "
      + counted(document["files_scanned"], "file") + " and " + counted(blobs, "older blob");
  return {std::move(document), summary};
}

} // namespace aeo::consolidate
