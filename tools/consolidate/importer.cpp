#include "tools/consolidate/importer.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/rewrite.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>

namespace aeo::consolidate {

namespace {

void require_success(const process_result& result, const std::string& directory,
                     const std::string& program) {
  if (result.exit_code != 0)
    throw failure(exit_status::bad_data,
                  directory + ": git " + program + " exited " + std::to_string(result.exit_code)
                      + ": " + printable(trim(result.err), 500) + " (try `git fsck --full` there)");
}

std::string revisions(const std::map<std::string, std::string, std::less<>>& refs) {
  std::string text;
  for (const auto& [name, ignored] : refs)
    text += name + '\n';
  return text;
}

} // namespace

importer::importer(const survey& all, std::size_t source, std::vector<placed_file> files,
                   std::function<std::string(std::string_view)> target_of,
                   const git& target_repository, std::string scratch)
    : all_(all), from_(all.sources[source]), files_(std::move(files)),
      target_of_(std::move(target_of)), into_(target_repository), scratch_(std::move(scratch)) {
  // What HEAD has takes its place first; paths of the past give way to it.
  for (const auto& file : files_) {
    const auto& path = all_.tracked(all_.files[file.file]).path;
    const auto& wanted = file.target.empty() ? file.mapped : file.target;
    if (taken_.emplace(wanted, path).second)
      placed_.emplace(path, wanted);
  }
}

std::string importer::place(std::string_view path) {
  const std::string key(path);
  if (const auto known = placed_.find(key); known != placed_.end())
    return known->second;
  const auto wanted = target_of_(path);
  auto target = wanted;
  for (int n = 2; !taken_.emplace(target, key).second; ++n)
    target = wanted + "~" + std::to_string(n);
  if (target != wanted)
    report_.history_renames.push_back({{"path", encode_path(path)},
                                       {"target", encode_path(target)},
                                       {"taken_by", encode_path(taken_[wanted])}});
  placed_.emplace(key, target);
  return target;
}

import_report importer::run() {
  if (from_.kind == source_kind::plain) {
    import_plain();
    return std::move(report_);
  }
  if (from_.object_format != "sha1") {
    report_.unresolved.emplace_back("repository " + from_.name, "uses object format "
                                                                    + from_.object_format
                                                                    + "; only sha1 can be merged");
    return std::move(report_);
  }
  choose_refs();
  if (ref_names_.empty())
    return std::move(report_);
  copy_blobs();
  copy_history();
  if (const auto head = report_.commits.find(from_.head); head != report_.commits.end())
    report_.head = head->second;
  if (!report_.head.empty()) {
    const auto time = into_.line({"show", "-s", "--format=%ct", report_.head});
    std::from_chars(time.data(), time.data() + time.size(), report_.time);
    check_head_tree();
  }
  return std::move(report_);
}

/// A name that is neither taken nor a directory of a taken one, nor the other way round.
std::string importer::free_ref(std::string name) {
  const auto clashes = [&](const std::string& wanted) {
    return std::any_of(ref_names_.begin(), ref_names_.end(), [&](const auto& entry) {
      return is_below(entry.second, wanted) || is_below(wanted, entry.second);
    });
  };
  const auto wanted = name;
  for (int n = 2; clashes(name); ++n)
    name = wanted + "-" + std::to_string(n);
  return name;
}

void importer::choose_refs() {
  const auto repository = from_.repository();
  const auto refs = read_refs(repository);
  for (const auto& ref : refs)
    report_.refs_seen += ref.name + ' ' + ref.oid + '\n';
  for (const auto& ref : refs) {
    std::string_view name = ref.name;
    const bool branch = name.starts_with("refs/heads/");
    if ((!branch && !name.starts_with("refs/tags/")) || ref.commit.empty())
      continue;
    const auto room = branch ? std::string("refs/heads/") : std::string("refs/tags/");
    ref_names_[ref.name] = room + from_.name + "/" + std::string(name.substr(room.size()));
  }
  if (!from_.empty && from_.branch.empty())
    ref_names_["HEAD"] = free_ref("refs/heads/" + from_.name + "/detached-head");
  read_commits_in();
  choose_remote_branches(refs);
  read_commits_in();
  for (const auto& ref : refs) {
    if (ref_names_.contains(ref.name) || !ref.symref.empty())
      continue;
    const auto peeled = repository.run({"rev-parse", "-q", "--verify", ref.name + "^{commit}"});
    const auto commit = std::string(trim(peeled.out));
    const bool contained = report_.commits.contains(commit);
    const bool remote = ref.name.starts_with("refs/remotes/");
    report_.refs_not_merged.push_back(
        {{"ref", encode_path(ref.name)},
         {"reason", contained        ? "its commits are in a merged branch or tag"
                    : commit.empty() ? "names a " + ref.type + " that is no commit"
                                     : "not a branch, a tag or a remote branch"}});
    if (!contained && !commit.empty() && (remote || ref.name.starts_with("refs/tags/")))
      report_.unresolved.emplace_back(encode_path(ref.name), "its commits were not merged");
  }
  for (const auto& [original, name] : ref_names_)
    report_.refs.emplace_back(original, name);
}

/// A clone has most branches as remote ones only. Those with commits of their own come along.
void importer::choose_remote_branches(const std::vector<git_ref>& refs) {
  for (const auto& ref : refs) {
    std::string_view name = ref.name;
    if (!name.starts_with("refs/remotes/") || !ref.symref.empty() || ref.commit.empty()
        || report_.commits.contains(ref.commit))
      continue;
    name.remove_prefix(std::string_view("refs/remotes/").size());
    const auto slash = name.find('/');
    const auto branch = slash == std::string_view::npos ? name : name.substr(slash + 1);
    ref_names_[ref.name] = free_ref("refs/heads/" + from_.name + "/" + std::string(branch));
  }
}

void importer::read_commits_in() {
  report_.commits.clear();
  if (ref_names_.empty())
    return;
  const auto list = from_.repository().output({"rev-list", "--stdin"}, revisions(ref_names_));
  for (const auto oid : split(list, '\n')) {
    if (!oid.empty())
      report_.commits.emplace(oid, "");
  }
  report_.commits_in = report_.commits.size();
}

void importer::copy_blobs() {
  const auto list = from_.repository().output({"rev-list", "--objects", "--filter=object:type=blob",
                                               "--filter-provided-objects", "--stdin"},
                                              revisions(ref_names_));
  for (const auto line : split(list, '\n')) {
    if (!line.empty())
      report_.blobs.emplace(line.substr(0, line.find(' ')));
  }
  if (report_.blobs.empty())
    return;
  const auto source = from_.repository();
  piped_process pack(source.command({"pack-objects", "-q", "--stdout", "--delta-base-offset"}),
                     source.options(list), piped_process::direction::read_from_child);
  piped_process index(into_.command({"index-pack", "--stdin"}), into_.options(),
                      piped_process::direction::write_to_child);
  copy_stream(pack.fd(), index.fd());
  require_success(pack.finish(), from_.directory, "pack-objects");
  require_success(index.finish(), into_.directory(), "index-pack");
}

void importer::copy_history() {
  const auto source = from_.repository();
  std::vector<std::string> args{"fast-export",         "--no-data",
                                "--show-original-ids", "--reencode=no",
                                "--signed-tags=strip", "--tag-of-filtered-object=rewrite",
                                "--use-done-feature"};
  for (const auto& [name, ignored] : ref_names_)
    args.push_back(name);
  piped_process reader(source.command(args), source.options(),
                       piped_process::direction::read_from_child);
  piped_process writer(
      into_.command({"-c", "core.ignoreCase=false", "-c", "fastimport.unpackLimit=1", "fast-import",
                     "--quiet", "--done", "--date-format=raw-permissive",
                     "--export-marks=" + scratch_}),
      into_.options(), piped_process::direction::write_to_child);
  stream_rewriter rewriter;
  rewriter.map_path = [this](std::string_view path) { return place(path); };
  rewriter.map_ref = [this](std::string_view ref) {
    const auto found = ref_names_.find(ref);
    return found != ref_names_.end()
               ? found->second
               : "refs/heads/" + from_.name + "/unexpected/" + std::string(ref);
  };
  rewriter.map_tag = [this](std::string_view tag) { return from_.name + "/" + std::string(tag); };
  std::string broken;
  try {
    rewriter.run(reader.fd(), writer.fd());
  } catch (const failure& error) {
    broken = error.what(); // the programs know better why: ask them first
  }
  require_success(writer.finish(), into_.directory(), "fast-import of " + from_.name);
  require_success(reader.finish(), from_.directory, "fast-export");
  if (!broken.empty())
    throw failure(exit_status::bad_data, from_.directory + ": " + broken);
  report_.identities_repaired = rewriter.identities_repaired();
  std::vector<std::pair<std::uint64_t, std::string>> commits;
  for (const auto& item : rewriter.commits())
    commits.emplace_back(item.mark, item.original);
  read_marks(commits);
}

/// The marks file has `:MARK SP OID LF` for each object made.
void importer::read_marks(const std::vector<std::pair<std::uint64_t, std::string>>& commits) {
  std::unordered_map<std::uint64_t, std::string> marks;
  std::ifstream in(scratch_);
  for (std::string line; std::getline(in, line);) {
    const auto space = line.find(' ');
    std::uint64_t mark = 0;
    std::from_chars(line.data() + 1, line.data() + std::min(space, line.size()), mark);
    if (space != std::string::npos)
      marks[mark] = line.substr(space + 1);
  }
  for (const auto& [mark, original] : commits) {
    const auto made = marks.find(mark);
    if (made != marks.end())
      report_.commits[original] = made->second;
  }
}

/// The rewritten HEAD must hold the same files: same modes and contents, each at its place.
void importer::check_head_tree() {
  std::set<std::string> have;
  const auto tree = into_.output({"ls-tree", "-r", "-z", "--full-tree", report_.head});
  for (const auto record : split(tree, '\0'))
    have.emplace(record);
  for (const auto& file : files_) {
    const auto& tracked = all_.tracked(all_.files[file.file]);
    std::string mode = tracked.mode == 0100755  ? "100755 blob "
                       : tracked.is_symlink()   ? "120000 blob "
                       : tracked.is_submodule() ? "160000 commit "
                                                : "100644 blob ";
    if (!have.contains(mode + tracked.oid + "\t" + place(tracked.path)))
      report_.unresolved.emplace_back(from_.name + ": " + encode_path(tracked.path),
                                      "is not in the rewritten HEAD as it was");
  }
}

/// A directory without history becomes one commit, dated by its newest file.
void importer::import_plain() {
  for (const auto& file : files_) {
    const auto& scanned = all_.files[file.file];
    const auto& tracked = all_.tracked(scanned);
    if (!scanned.facts.problem.empty()) {
      report_.unresolved.emplace_back(from_.name + ": " + encode_path(tracked.path),
                                      scanned.facts.problem);
      continue;
    }
    report_.time = std::max(report_.time, scanned.facts.mtime / 1'000'000'000);
    report_.blobs.insert(scanned.facts.oid);
  }
  if (report_.blobs.empty())
    return;
  piped_process writer(into_.command({"-c", "fastimport.unpackLimit=1", "fast-import", "--quiet",
                                      "--done", "--export-marks=" + scratch_}),
                       into_.options(), piped_process::direction::write_to_child);
  const std::string message = "Import " + from_.name + " (a directory without history)\n";
  write_fully(writer.fd(), "commit refs/heads/" + from_.name + "/import\nmark :1\n"
                               + "committer aeo-consolidate <aeo-consolidate@localhost> "
                               + std::to_string(report_.time) + " +0000\ndata "
                               + std::to_string(message.size()) + "\n" + message);
  for (const auto& file : files_) {
    const auto& scanned = all_.files[file.file];
    const auto& tracked = all_.tracked(scanned);
    if (!scanned.facts.problem.empty())
      continue;
    const auto content =
        tracked.is_symlink() ? read_link(all_, scanned) : read_content(all_, scanned);
    const std::string mode = tracked.is_symlink()      ? "120000"
                             : tracked.mode == 0100755 ? "100755"
                                                       : "100644";
    write_fully(writer.fd(), "M " + mode + " inline " + quote_path(place(tracked.path)) + "\ndata "
                                 + std::to_string(content.size()) + "\n");
    write_fully(writer.fd(), content);
    write_fully(writer.fd(), "\n");
  }
  write_fully(writer.fd(), "done\n");
  require_success(writer.finish(), into_.directory(), "fast-import of " + from_.name);
  report_.head = into_.line({"rev-parse", "refs/heads/" + from_.name + "/import"});
  report_.refs.emplace_back(from_.location, "refs/heads/" + from_.name + "/import");
  report_.commits_created = 1;
}

} // namespace aeo::consolidate
