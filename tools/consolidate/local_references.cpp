#include "tools/consolidate/local_references.hpp"

#include "tools/consolidate/extract.hpp"
#include "tools/consolidate/manifest.hpp"
#include "tools/consolidate/parallel.hpp"
#include "tools/consolidate/paths.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <map>
#include <mutex>
#include <set>

namespace aeo::consolidate {

namespace fs = std::filesystem;

namespace {

/// What node, TypeScript and bundlers try for `./x`.
void script_places(const std::string& base, std::vector<std::string>& out) {
  static constexpr std::array<std::string_view, 14> endings{
      "",     ".js",  ".mjs",  ".cjs",  ".ts",  ".tsx",    ".jsx",
      ".mts", ".cts", ".d.ts", ".json", ".vue", ".svelte", ".node"};
  for (const auto ending : endings)
    out.push_back(base + std::string(ending));
  for (const auto* index : {"index.js", "index.mjs", "index.cjs", "index.ts", "index.tsx",
                            "index.jsx", "index.json", "package.json", "index.d.ts"})
    out.push_back(join_path(base, index));
  // TypeScript names the file that it will become, or that the declaration is of.
  for (const auto& [made, source] : {std::pair{".js", ".ts"},
                                     {".js", ".tsx"},
                                     {".js", ".d.ts"},
                                     {".jsx", ".tsx"},
                                     {".jsx", ".d.ts"},
                                     {".mjs", ".mts"},
                                     {".mjs", ".d.mts"},
                                     {".cjs", ".cts"},
                                     {".cjs", ".d.cts"}}) {
    if (base.ends_with(made))
      out.push_back(base.substr(0, base.size() - std::string_view(made).size()) + source);
  }
}

local_reference script_reference(const parsed_import& item) {
  local_reference out{item.path, item.line, "script-import", item.target, {}, item.optional};
  const auto plain = item.target.substr(0, item.target.find('?'));
  const auto directory = std::string(dir_name(item.path));
  if (const auto base = resolved_path(directory, plain))
    script_places(*base, out.places);
  return out;
}

/// `from ..a.b import c`: a.b is a module, or a package that may hold c.
local_reference python_reference(const parsed_import& item) {
  local_reference out{item.path, item.line, "python-import", item.target, {}, item.optional};
  std::size_t dots = 0;
  while (dots < item.target.size() && item.target[dots] == '.')
    ++dots;
  std::string directory(dir_name(item.path));
  for (std::size_t i = 1; i < dots; ++i) {
    if (directory.empty())
      return out; // beyond the top: nothing can be there
    directory = dir_name(directory);
  }
  auto module = item.target.substr(dots);
  std::ranges::replace(module, '.', '/');
  const auto base = join_path(directory, module);
  if (module.empty()) {
    out.places.push_back(join_path(directory, "__init__.py"));
    for (const auto& name : item.names)
      out.places.insert(out.places.end(),
                        {join_path(directory, name + ".py"), join_path(directory, name)});
    return out;
  }
  out.places.push_back(base);
  for (const auto* ending : {".py", ".pyi", ".pyx", ".so", ".pyd"})
    out.places.push_back(base + ending);
  return out;
}

/// The name of each Go module, by its directory; read once.
class go_modules {
public:
  explicit go_modules(const scratch_checkout& checkout) : checkout_(checkout) {}

  std::string name_of(const std::string& root) {
    const std::lock_guard lock(mutex_);
    auto [found, fresh] = names_.try_emplace(root);
    if (fresh) {
      manifest item;
      parse_go_mod(checkout_.read(join_path(root, "go.mod")), item);
      found->second = item.name;
    }
    return found->second;
  }

private:
  const scratch_checkout& checkout_;
  std::mutex mutex_;
  std::map<std::string, std::string> names_;
};

/// A package of the same Go module is a directory of it.
std::vector<local_reference> go_references(const scratch_checkout& checkout,
                                           const std::string& path, go_modules& modules) {
  std::vector<local_reference> out;
  std::string root(dir_name(path));
  while (!checkout.has_file(join_path(root, "go.mod"))) {
    if (root.empty())
      return out;
    root = dir_name(root);
  }
  const auto module = modules.name_of(root);
  if (module.empty())
    return out;
  for (const auto& item : extract_references("Go", checkout.read(path)).imports) {
    if (item.name.starts_with(module + "/"))
      out.push_back({path,
                     item.line,
                     "go-import",
                     item.name,
                     {join_path(root, item.name.substr(module.size() + 1))},
                     false});
  }
  return out;
}

std::vector<local_reference> typed_references(const scratch_checkout& checkout,
                                              const std::string& path,
                                              const std::string& language) {
  std::vector<local_reference> out;
  for (const auto& item : extract_references(language, checkout.read(path)).imports) {
    if (item.name.starts_with("./") || item.name.starts_with("../"))
      out.push_back(script_reference({path, item.line, item.name, {}, false}));
  }
  return out;
}

class reference_judge {
public:
  explicit reference_judge(const scratch_checkout& checkout)
      : checkout_(checkout), top_(fs::canonical(checkout.tree()).string()) {
    for (const auto& path : checkout.files()) {
      for (auto directory = dir_name(path);
           !directory.empty() && directories_.emplace(directory).second;)
        directory = dir_name(directory);
    }
  }

  /// Forgets the places of what it finds: a large tree has many references with many places each.
  judged_reference judged(local_reference item) const {
    const bool found =
        std::ranges::any_of(item.places, [&](const auto& place) { return is_listed(place); })
        || std::ranges::any_of(item.places, [&](const auto& place) { return is_behind(place); });
    if (found)
      item.places = {};
    return {std::move(item), found ? reference_status::resolved : reference_status::unresolved};
  }

  /// Which of the places of what was not found git would ignore.
  std::set<std::string> ignored(const std::vector<judged_reference>& all) const {
    std::string input;
    for (const auto& item : all) {
      for (const auto& place : item.reference.places)
        input += place + '\0';
    }
    std::set<std::string> found;
    if (input.empty())
      return found;
    const auto said =
        git(checkout_.tree()).run({"check-ignore", "--no-index", "-z", "--stdin"}, input);
    for (const auto path : split(said.out, '\0'))
      found.emplace(path);
    return found;
  }

private:
  bool is_listed(const std::string& place) const {
    return place.empty() || directories_.contains(place) || checkout_.has_file(place);
  }

  /// Perhaps behind a symbolic link, as long as that stays inside.
  bool is_behind(const std::string& place) const {
    std::error_code ec;
    const auto real = fs::canonical(checkout_.tree() + "/" + place, ec);
    return !ec && is_below(real.string(), top_);
  }

  const scratch_checkout& checkout_;
  std::string top_;
  std::set<std::string, std::less<>> directories_;
};

/// Looks up what `make` finds for every index, on all cores; keeps the order.
template <class Make>
void append_judged(const reference_judge& judge, std::size_t count, Make make,
                   std::vector<judged_reference>& out) {
  std::vector<std::vector<judged_reference>> parts(count);
  for_each_parallel(count, [&](std::size_t i) {
    for (auto& item : make(i))
      parts[i].push_back(judge.judged(std::move(item)));
  });
  for (auto& part : parts)
    std::ranges::move(part, std::back_inserter(out));
}

void append_imports(const scratch_checkout& checkout, const reference_judge& judge,
                    const syntax_report& syntax, std::vector<judged_reference>& out) {
  using list = std::vector<local_reference>;
  append_judged(
      judge, syntax.python_imports.size(),
      [&](std::size_t i) { return list{python_reference(syntax.python_imports[i])}; }, out);
  append_judged(
      judge, syntax.script_imports.size(),
      [&](std::size_t i) { return list{script_reference(syntax.script_imports[i])}; }, out);
  go_modules modules(checkout);
  append_judged(
      judge, syntax.sources.size(),
      [&](std::size_t i) {
        const auto& [path, language] = syntax.sources[i];
        if (language == "Go")
          return go_references(checkout, path, modules);
        if (language == "TypeScript" || language == "Vue" || language == "Svelte")
          return typed_references(checkout, path, language);
        return list{};
      },
      out);
}

} // namespace

std::optional<std::string> resolved_path(const std::string& directory,
                                         const std::string& relative) {
  std::vector<std::string_view> parts;
  const auto joined = directory + "/" + relative;
  for (const auto part : split(joined, '/')) {
    if (part.empty() || part == ".")
      continue;
    if (part != "..")
      parts.push_back(part);
    else if (parts.empty())
      return std::nullopt;
    else
      parts.pop_back();
  }
  std::string path;
  for (const auto part : parts)
    path = join_path(path, part);
  return path;
}

std::vector<judged_reference> check_references(const scratch_checkout& checkout,
                                               const syntax_report& syntax) {
  const reference_judge judge(checkout);
  std::vector<judged_reference> out;
  append_imports(checkout, judge, syntax, out);
  const auto& files = checkout.files();
  append_judged(
      judge, files.size(),
      [&](std::size_t i) {
        std::vector<local_reference> named;
        manifest_references(checkout, files[i], named);
        return named;
      },
      out);
  const auto ignored = judge.ignored(out);
  for (auto& item : out) {
    if (item.status == reference_status::resolved)
      continue;
    const bool made = std::ranges::any_of(
        item.reference.places, [&](const auto& place) { return ignored.contains(place); });
    if (made)
      item.status = reference_status::generated;
    else if (item.reference.optional)
      item.status = reference_status::optional;
  }
  return out;
}

} // namespace aeo::consolidate
