#include "tools/consolidate/docs_model.hpp"

#include "tools/consolidate/evidence.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/git.hpp"
#include "tools/consolidate/paths.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace aeo::consolidate {

namespace {

source read_monorepo(const step_context& context) {
  const auto directory = context.consolidation() + "/monorepo";
  if (!git::is_repository(directory))
    throw failure(exit_status::no_input,
                  directory + ": is missing (run `aeo-consolidate conflict-resolution` first)");
  auto inner = context;
  inner.config.repositories = {{"monorepo", "consolidation/monorepo", ""}};
  return std::move(find_sources(inner).front());
}

/// A name as a file name: letters, digits, dot, dash and underscore.
std::string page_name(const std::string& name, std::set<std::string>& taken) {
  std::string file;
  for (const char c : lower(name)) {
    const bool fine = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_';
    file += fine ? c : '-';
  }
  while (!taken.insert(file).second)
    file += "-2";
  return "components/" + file + ".md";
}

/// The smaller, the rather it is the one; 0: none. Plain names go before translations.
std::size_t readme_rank(std::string_view path) {
  static const std::vector<std::string> names{
      "(?i)readme.md", "(?i)readme.rst",     "(?i)readme.txt", "(?i)readme",
      "(?i)readme.*",  "(?i)readme[-_]*.md", "(?i)readme[-_]*"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (glob_matches(names[i], path))
      return i + 1;
  }
  return 0;
}

/// The best one at the top of each component.
void find_readmes(const step_context& context, docs_model& model) {
  std::vector<std::size_t> ranks(model.components.size(), 0);
  for (std::size_t f = 0; f < model.sources.files.size(); ++f) {
    const auto& path = model.sources.tracked(model.sources.files[f]).path;
    const auto index = model.map.of_file[f];
    auto& owner = model.components[index];
    const auto rank = dir_name(path) == owner.mapped->directory ? readme_rank(path) : 0;
    if (rank == 0 || (ranks[index] != 0 && ranks[index] <= rank))
      continue;
    const auto place = model.place_of(f);
    if (place.empty() || is_excluded(context, model.sources, model.sources.files[f]))
      continue;
    ranks[index] = rank;
    owner.readme = place;
  }
}

/// Finds the commands that manifests and makefiles define.
class command_finder {
public:
  command_finder(const step_context& context, const rule_set& rules, docs_model& model)
      : context_(context), rules_(rules), model_(model) {}

  void run() {
    for (std::size_t f = 0; f < model_.sources.files.size(); ++f) {
      const auto& file = model_.sources.files[f];
      const auto& path = model_.sources.tracked(file).path;
      if (!is_readable_text(model_.sources, file) || is_excluded(context_, model_.sources, file)
          || !is_production(context_, path))
        continue;
      place_ = model_.place_of(f);
      if (place_.empty())
        continue;
      file_ = f;
      const auto name = base_name(path);
      const auto type = manifest_type(path);
      if (type == "package.json")
        package_scripts();
      else if (type == "pyproject.toml" || type == "go.mod" || type == "Cargo.toml"
               || type == "pom.xml" || type == "compose" || type == "Dockerfile")
        conventional(type);
      else if (name == "Makefile" || name == "GNUmakefile" || name == "makefile")
        make_targets();
    }
  }

private:
  std::string text() const { return read_content(model_.sources, model_.sources.files[file_]); }

  void add(std::string command, std::string what, std::uint32_t line) {
    // A command line may hold a secret, and pages are read by many.
    if (!rules_.secrets().search("command", what).empty())
      what = "(not shown: it holds a secret)";
    model_.commands.push_back(
        {std::move(command), std::move(what), model_.map.of_file[file_], place_, line});
  }

  void package_scripts() {
    const auto content = text();
    const auto document = nlohmann::json::parse(content, nullptr, false);
    if (!document.is_object() || !document.contains("scripts") || !document["scripts"].is_object())
      return;
    const auto from = content.find("\"scripts\"");
    for (const auto& [name, value] : document["scripts"].items()) {
      const bool short_form = name == "test" || name == "start" || name == "stop";
      add((short_form ? "npm " : "npm run ") + name,
          value.is_string() ? value.get<std::string>() : std::string{},
          line_of(content, "\"" + name + "\"", from == std::string::npos ? 0 : from + 9));
    }
  }

  void conventional(std::string_view type) {
    if (type == "go.mod") {
      add("go test ./...", "tests of the module", 1);
      add("go build ./...", "builds the module", 1);
    } else if (type == "Cargo.toml") {
      add("cargo test", "tests of the crate", 1);
      add("cargo build", "builds the crate", 1);
    } else if (type == "pom.xml") {
      add("mvn verify", "builds and tests", 1);
    } else if (type == "pyproject.toml") {
      add("pip install .", "installs the package", 1);
    } else if (type == "Dockerfile" && base_name(place_) == "Dockerfile") {
      add("docker build .", "builds the image", 1);
    } else if (type == "compose" && base_name(place_).find("override") == std::string_view::npos) {
      const auto name = std::string(base_name(place_));
      const bool found_by_itself =
          name == "docker-compose.yml" || name == "compose.yml" || name == "compose.yaml";
      add(found_by_itself ? "docker compose up" : "docker compose -f " + name + " up",
          "starts the services", 1);
    }
  }

  void make_targets() {
    std::uint32_t number = 0;
    const auto content = text();
    for (const auto line : split(content, '\n')) {
      ++number;
      const auto colon = line.find(':');
      const auto name = line.substr(0, colon);
      const bool target = colon != std::string_view::npos && !name.empty()
                          && name.find_first_not_of(
                                 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
                                 == std::string_view::npos
                          && !line.substr(colon).starts_with(":=")
                          && !line.substr(colon).starts_with("::=");
      if (target)
        add("make " + std::string(name), "", number);
    }
  }

  const step_context& context_;
  const rule_set& rules_;
  docs_model& model_;
  std::size_t file_ = 0;
  std::string place_;
};

std::vector<std::string> languages_of(const docs_model& model, std::size_t index) {
  std::map<std::string, std::uint64_t> code;
  for (std::size_t f = 0; f < model.sources.files.size(); ++f) {
    const auto& facts = model.sources.files[f].facts;
    if (model.map.of_file[f] == index && !facts.language.empty() && facts.lines.code > 0)
      code[facts.language] += facts.lines.code;
  }
  std::vector<std::pair<std::string, std::uint64_t>> ranked(code.begin(), code.end());
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> names;
  for (const auto& [name, lines] : ranked) {
    if (names.size() < 4)
      names.push_back(name);
  }
  return names;
}

void add_components(const step_context& context, const rule_set& rules, link_tree& tree,
                    docs_model& model) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < model.map.components.size(); ++i) {
    const auto& mapped = model.map.components[i];
    documented_component item;
    item.mapped = &mapped;
    item.page = page_name(mapped.name, names);
    item.languages = languages_of(model, i);
    item.readme_expected =
        mapped.kind == "service" || mapped.kind == "app" || mapped.kind == "library";
    model.components.push_back(std::move(item));
  }
  find_readmes(context, model);
  for (std::size_t f = 0; f < model.sources.files.size(); ++f) {
    const auto& path = model.sources.tracked(model.sources.files[f]).path;
    const auto place = model.place_of(f);
    auto& owner = model.components[model.map.of_file[f]];
    if (place.empty() || is_excluded(context, model.sources, model.sources.files[f]))
      continue;
    if (place != owner.readme && is_markdown(path) && is_production(context, path))
      owner.documents.push_back(place);
  }
  // Documents are by nature in directories that are not production code.
  for (std::size_t f = 0; f < model.sources.files.size(); ++f) {
    const auto& path = model.sources.tracked(model.sources.files[f]).path;
    const auto place = model.place_of(f);
    auto& owner = model.components[model.map.of_file[f]];
    const bool docs = glob_matches("**/docs/**", path) || glob_matches("**/doc/**", path);
    if (!place.empty() && docs && is_markdown(path) && place != owner.readme
        && !is_excluded(context, model.sources, model.sources.files[f]))
      owner.documents.push_back(place);
  }
  for (auto& item : model.components) {
    std::sort(item.documents.begin(), item.documents.end());
    item.documents.erase(std::unique(item.documents.begin(), item.documents.end()),
                         item.documents.end());
    if (item.readme.empty() || !is_markdown(item.readme))
      continue;
    const auto& summary = tree.document("monorepo/" + item.readme).summary;
    if (rules.secrets().search("summary", summary).empty())
      item.summary = printable(summary, 400);
  }
}

} // namespace

std::string docs_model::place_of(std::size_t file) const {
  const auto& item = sources.files[file];
  const auto& tracked = sources.tracked(item);
  auto target = map.target_of(item.source, tracked.path);
  const auto found = std::lower_bound(
      monorepo.files.begin(), monorepo.files.end(), target,
      [](const tracked_file& entry, const std::string& path) { return entry.path < path; });
  return found != monorepo.files.end() && found->path == target ? target : std::string{};
}

docs_model read_docs_model(const step_context& context, const rule_set& rules, link_tree& tree) {
  docs_model model;
  model.monorepo = read_monorepo(context);
  for (const auto& file : model.monorepo.files)
    tree.add("monorepo/" + file.path);
  model.sources = scan(context, rules);
  model.manifests = read_manifests(context, model.sources);
  model.map = map_components(context, model.sources, model.manifests);
  model.variables = collect_variables(context, model.sources);
  add_components(context, rules, tree, model);
  command_finder(context, rules, model).run();
  return model;
}

} // namespace aeo::consolidate
