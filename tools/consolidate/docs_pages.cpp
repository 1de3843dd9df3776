// The pages of monorepo-docs. Links to code lead to the monorepo beside them.
#include "tools/consolidate/docs_model.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/wording.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace aeo::consolidate {

namespace {

std::string link_to(std::string_view label, std::string_view target) {
  return "[" + std::string(label) + "](" + markdown_target(target) + ")";
}

std::string joined_text(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words)
    text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// First sentence, so that a table stays readable.
std::string first_sentence(const std::string& text) {
  const auto end = text.find(". ");
  return end == std::string::npos ? text : text.substr(0, end + 1);
}

class page_writer {
public:
  explicit page_writer(const docs_model& model) : model_(model) {}

  std::vector<docs_page> run() {
    pages_.push_back({"index.md", index()});
    for (std::size_t i = 0; i < model_.components.size(); ++i)
      pages_.push_back({model_.components[i].page, component_page(i)});
    pages_.push_back({"environment.md", environment()});
    pages_.push_back({"commands.md", commands()});
    return std::move(pages_);
  }

private:
  /// A place in the monorepo as seen from a page that is `depth` directories deep.
  static std::string in_monorepo(const std::string& path, int depth) {
    return (depth == 0 ? "../monorepo/" : "../../monorepo/") + path;
  }

  std::string index() const {
    std::string text = "# Monorepo\n\n";
    text += "Consolidated from "
            + counted(model_.sources.sources.size(), "repository", "repositories") + " into "
            + counted(model_.components.size(), "component") + ", "
            + counted(model_.monorepo.files.size(), "file") + ".\n\n";
    text += "- [Commands](commands.md): how to build, test and start\n"
            "- [Environment](environment.md): variables that the code reads\n\n";
    text += "## Components\n\n| component | kind | place | languages | what it is |\n"
            "|---|---|---|---|---|\n";
    for (const auto& item : model_.components) {
      const auto& mapped = *item.mapped;
      text += "| " + link_to(markdown_text(mapped.name), item.page) + " | " + mapped.kind + " | "
              + place_link(mapped.target, 0) + " | " + joined_text(item.languages) + " | "
              + markdown_text(first_sentence(item.summary)) + " |\n";
    }
    text += "\n## Who depends on whom\n\n";
    std::map<std::pair<std::size_t, std::size_t>, std::size_t> pairs;
    for (const auto& edge : model_.map.edges)
      ++pairs[{edge.from, edge.to}];
    if (pairs.empty())
      return text + "No component names another one.\n";
    text += "| component | depends on | places |\n|---|---|---|\n";
    for (const auto& [pair, count] : pairs)
      text += "| " + component_link(pair.first, 0) + " | " + component_link(pair.second, 0) + " | "
              + std::to_string(count) + " |\n";
    return text;
  }

  std::string place_link(const std::string& target, int depth) const {
    const auto exists =
        std::any_of(model_.monorepo.files.begin(), model_.monorepo.files.end(),
                    [&](const tracked_file& file) { return is_below(file.path, target); });
    return exists ? link_to(markdown_code(target), in_monorepo(target, depth))
                  : markdown_code(target);
  }

  std::string component_link(std::size_t index, int depth) const {
    const auto& item = model_.components[index];
    const auto page = depth == 0 ? item.page : std::string(base_name(item.page));
    return link_to(markdown_text(item.mapped->name), page);
  }

  std::string file_link(const std::string& path, std::uint32_t line, int depth,
                        const std::string& base = "") const {
    auto label = base.empty() || !is_below(path, base) ? path : path.substr(base.size() + 1);
    auto target = markdown_target(in_monorepo(path, depth));
    if (line > 0) {
      label += ":" + std::to_string(line);
      target += "#L" + std::to_string(line);
    }
    return "[" + markdown_code(label) + "](" + target + ")";
  }

  std::string component_page(std::size_t index) const {
    const auto& item = model_.components[index];
    const auto& mapped = *item.mapped;
    std::string text = "# " + markdown_text(mapped.name) + "\n\n";
    if (!item.summary.empty())
      text += markdown_text(item.summary) + "\n\n";
    text += "| | |\n|---|---|\n| kind | " + mapped.kind + " |\n| place | "
            + place_link(mapped.target, 1) + " |\n| from | "
            + markdown_text(model_.sources.sources[mapped.source].name) + ", directory "
            + markdown_code(mapped.directory.empty() ? "." : mapped.directory) + " |\n| files | "
            + std::to_string(mapped.files) + " |\n";
    if (!item.languages.empty())
      text += "| languages | " + joined_text(item.languages) + " |\n";
    if (!mapped.package.empty())
      text += "| package | " + markdown_code(mapped.package) + " |\n";
    text += "\n" + documents_section(item) + commands_section(index) + variables_section_of(index)
            + dependencies_section(index) + "[All components](../index.md)\n";
    return text;
  }

  std::string documents_section(const documented_component& item) const {
    std::string list;
    if (!item.readme.empty())
      list += "- " + file_link(item.readme, 0, 1, item.mapped->target) + "\n";
    for (const auto& path : item.documents)
      list += "- " + file_link(path, 0, 1, item.mapped->target) + "\n";
    if (list.empty() && item.readme_expected)
      list = "There is no README yet.\n";
    return list.empty() ? list : "## Documents\n\n" + list + "\n";
  }

  std::string commands_section(std::size_t index) const {
    std::string rows;
    for (const auto& item : model_.commands) {
      if (item.component == index)
        rows += command_row(item, 1, model_.components[index].mapped->target);
    }
    return rows.empty() ? rows
                        : "## Commands\n\n| command | what it runs | defined in |\n|---|---|---|\n"
                              + rows + "\n";
  }

  std::string command_row(const documented_command& item, int depth,
                          const std::string& base) const {
    return "| " + markdown_code(item.command) + " | "
           + (item.what.empty() ? "" : markdown_code(printable(item.what, 200))) + " | "
           + file_link(item.path, item.line, depth, base) + " |\n";
  }

  std::string variables_section_of(std::size_t index) const {
    std::string rows;
    for (const auto& [name, facts] : model_.variables.variables) {
      const bool here = std::any_of(facts.used.begin(), facts.used.end(), [&](const auto& place) {
        return place.production && model_.map.of_file[place.file] == index;
      });
      if (here && !facts.provided)
        rows += "| " + markdown_code(name) + " | " + needed(facts) + " | "
                + used_in(facts, 1, index) + " |\n";
    }
    return rows.empty()
               ? rows
               : "## Environment variables\n\n| variable | needed | used in |\n|---|---|---|\n"
                     + rows + "\nWhere they are declared: [environment](../environment.md).\n\n";
  }

  static std::string needed(const variable_facts& facts) {
    return facts.required() ? "yes" : "no, there is a default";
  }

  /// A few places; of one component only unless `index` is none.
  std::string used_in(const variable_facts& facts, int depth, std::size_t index) const {
    constexpr std::size_t most = 3;
    std::string text;
    std::size_t shown = 0;
    std::size_t more = 0;
    for (const auto& place : facts.used) {
      const auto owner = model_.map.of_file[place.file];
      const auto path = model_.place_of(place.file);
      if (!place.production || path.empty() || (index != none && owner != index))
        continue;
      if (shown == most) {
        ++more;
        continue;
      }
      const auto base = index == none ? std::string{} : model_.components[owner].mapped->target;
      text += (shown++ == 0 ? "" : ", ") + file_link(path, place.line, depth, base);
    }
    return more == 0 ? text : text + " and " + std::to_string(more) + " more";
  }

  std::string dependencies_section(std::size_t index) const {
    std::set<std::size_t> on;
    std::set<std::size_t> by;
    for (const auto& edge : model_.map.edges) {
      if (edge.from == index)
        on.insert(edge.to);
      if (edge.to == index)
        by.insert(edge.from);
    }
    const auto list = [&](const std::string& title, const std::set<std::size_t>& items) {
      std::string text;
      for (const auto item : items)
        text += "- " + component_link(item, 1) + "\n";
      return text.empty() ? text : "## " + title + "\n\n" + text + "\n";
    };
    return list("Depends on", on) + list("Used by", by);
  }

  std::string environment() const {
    std::string text = "# Environment\n\nThe variables that production code, compose files and "
                       "images read, and where they are declared. Values are in no page.\n\n"
                       "| variable | needed | declared in | used in |\n|---|---|---|---|\n";
    std::string provided;
    for (const auto& [name, facts] : model_.variables.variables) {
      if (facts.used.empty() || facts.test_only())
        continue;
      if (facts.provided) {
        provided += (provided.empty() ? "" : ", ") + markdown_code(name);
        continue;
      }
      std::string declared;
      for (const auto& place : facts.declared) {
        const auto path = model_.place_of(place.file);
        if (!path.empty())
          declared += (declared.empty() ? "" : ", ") + file_link(path, place.line, 0);
      }
      text += "| " + markdown_code(name) + " | " + needed(facts) + " | "
              + (declared.empty() ? "**nowhere**" : declared) + " | " + used_in(facts, 0, none)
              + " |\n";
    }
    if (!provided.empty())
      text += "\nGiven by the system, the shell or the build: " + provided + ".\n";
    return text + "\n[All components](index.md)\n";
  }

  std::string commands() const {
    std::string text = "# Commands\n\nRun each in the directory of the file that defines it.\n";
    for (std::size_t i = 0; i < model_.components.size(); ++i) {
      std::string rows;
      for (const auto& item : model_.commands) {
        if (item.component == i)
          rows += command_row(item, 0, "");
      }
      if (!rows.empty())
        text += "\n## " + markdown_text(model_.components[i].mapped->name)
                + "\n\n| command | what it runs | defined in |\n|---|---|---|\n" + rows;
    }
    if (model_.commands.empty())
      text += "\nNo manifest or makefile defines a command.\n";
    return text + "\n[All components](index.md)\n";
  }

  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  const docs_model& model_;
  std::vector<docs_page> pages_;
};

} // namespace

std::vector<docs_page> write_pages(const docs_model& model) {
  return page_writer(model).run();
}

} // namespace aeo::consolidate
