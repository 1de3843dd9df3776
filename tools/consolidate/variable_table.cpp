#include "tools/consolidate/variable_table.hpp"

#include "tools/consolidate/compose.hpp"
#include "tools/consolidate/evidence.hpp"
#include "tools/consolidate/manifest.hpp"
#include "tools/consolidate/paths.hpp"

#include <algorithm>

namespace aeo::consolidate {

namespace {

/// The names that `ENV` gives a value, with their lines; a backslash continues a line.
std::vector<named_line> image_variables(std::string_view text) {
  std::vector<named_line> names;
  std::uint32_t number = 0;
  bool inside = false;
  for (const auto raw : split(text, '\n')) {
    ++number;
    auto line = trim(raw);
    if (!inside && lower(line.substr(0, 4)) != "env ")
      continue;
    if (!inside)
      line = trim(line.substr(4));
    const bool first = !inside;
    inside = line.ends_with('\\');
    const auto name_of = [](std::string_view word) {
      std::size_t n = 0;
      while (n < word.size()
             && (std::isalnum(static_cast<unsigned char>(word[n])) != 0 || word[n] == '_'))
        ++n;
      return word.substr(0, n);
    };
    const auto head = name_of(line);
    if (first && !head.empty() && !line.substr(head.size()).starts_with('=')) {
      names.push_back({std::string(head), number}); // `ENV NAME value`
      continue;
    }
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const bool starts = !quoted && (i == 0 || line[i - 1] == ' ');
      const auto name = starts ? name_of(line.substr(i)) : std::string_view{};
      if (!name.empty() && line.substr(i + name.size()).starts_with('='))
        names.push_back({std::string(name), number});
      quoted = quoted != (line[i] == '"');
    }
  }
  return names;
}

class collector {
public:
  collector(const step_context& context, const survey& all) : context_(context), all_(all) {}

  variable_report run() {
    for (std::size_t f = 0; f < all_.files.size(); ++f) {
      if (!is_excluded(context_, all_, all_.files[f]))
        add_facts(f);
    }
    for (std::size_t f = 0; f < all_.files.size(); ++f) {
      const auto& path = all_.tracked(all_.files[f]).path;
      const auto type = manifest_type(path);
      if ((type != "compose" && type != "Dockerfile") || is_excluded(context_, all_, all_.files[f])
          || !is_readable_text(all_, all_.files[f]))
        continue;
      const auto text = read_content(all_, all_.files[f]);
      if (type == "compose")
        add_compose(f, text);
      else
        add_image(f, text);
    }
    for (auto& [name, facts] : report_.variables)
      facts.provided =
          std::any_of(context_.config.configuration.provided.begin(),
                      context_.config.configuration.provided.end(),
                      [&, &key = name](const auto& glob) { return whole_glob_matches(glob, key); });
    return std::move(report_);
  }

private:
  variable_place place(std::size_t f, std::uint32_t line, std::string_view how) const {
    return {f, line, how, false, is_production(context_, all_.tracked(all_.files[f]).path)};
  }

  static std::string_view how_used(std::string_view path) {
    const auto type = manifest_type(path);
    return type == "compose" ? "compose" : type == "Dockerfile" ? "Dockerfile" : "code";
  }

  void add_facts(std::size_t f) {
    const auto& file = all_.files[f];
    const auto& path = all_.tracked(file).path;
    for (const auto& use : file.facts.refs.env_used) {
      auto item = place(f, use.line, how_used(path));
      item.required = use.required;
      if (use.name.empty())
        report_.dynamic.push_back(item);
      else
        report_.variables[use.name].used.push_back(item);
    }
    if (file.facts.refs.env_declared.empty())
      return;
    const bool example = any_glob_matches(context_.config.configuration.declarations, path);
    for (const auto& item : file.facts.refs.env_declared) {
      auto& facts = report_.variables[item.name];
      auto& list = example ? facts.declared : facts.set;
      list.push_back(place(f, item.line, example ? "example file" : "environment file"));
    }
  }

  void add_compose(std::size_t f, const std::string& text) {
    const auto compose = read_compose(text, [](const std::string&) { return std::nullopt; });
    for (const auto& service : compose.services) {
      for (const auto* list : {&service.environment, &service.build_args}) {
        for (const auto& item : *list) {
          if (item.name.empty())
            continue;
          auto& facts = report_.variables[printable(item.name, 200)];
          auto where = place(f, item.line, "compose");
          where.required = !item.has_value; // handed on from the environment
          (item.has_value ? facts.set : facts.used).push_back(where);
        }
      }
    }
  }

  void add_image(std::size_t f, const std::string& text) {
    for (const auto& item : image_variables(text))
      report_.variables[item.name].set.push_back(place(f, item.line, "Dockerfile"));
  }

  const step_context& context_;
  const survey& all_;
  variable_report report_;
};

} // namespace

bool variable_facts::required() const {
  const bool given =
      std::any_of(set.begin(), set.end(), [](const auto& place) { return place.production; });
  return !provided && !given && std::any_of(used.begin(), used.end(), [](const auto& place) {
    return place.required && place.production;
  });
}

bool variable_facts::test_only() const {
  return !used.empty() && std::none_of(used.begin(), used.end(), [](const auto& place) {
    return place.production;
  });
}

variable_report collect_variables(const step_context& context, const survey& all) {
  return collector(context, all).run();
}

bool is_production(const step_context& context, std::string_view path) {
  return !any_glob_matches(context.config.configuration.not_production, path);
}

bool is_readable_text(const survey& all, const scanned_file& file) {
  const auto& tracked = all.tracked(file);
  return !tracked.is_symlink() && !tracked.is_submodule() && file.facts.problem.empty()
         && !file.facts.binary && !file.facts.too_large;
}

ordered place_json(const survey& all, std::size_t file, std::uint32_t line) {
  const auto& item = all.files[file];
  ordered result{{"repository", all.source_of(item).name},
                 {"path", encode_path(all.tracked(item).path)}};
  if (line > 0)
    result["line"] = line;
  return result;
}

std::map<std::string, std::string, std::less<>> read_env_values(std::string_view text) {
  std::map<std::string, std::string, std::less<>> values;
  for (auto line : split(text, '\n')) {
    line = trim(line);
    if (line.starts_with("export "))
      line = trim(line.substr(7));
    const auto equals = line.find('=');
    if (line.empty() || line[0] == '#' || equals == std::string_view::npos)
      continue;
    auto value = trim(line.substr(equals + 1));
    if (value.size() >= 2 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0])
      value = value.substr(1, value.size() - 2);
    else
      value = trim(value.substr(0, value.find(" #")));
    values.emplace(printable(trim(line.substr(0, equals)), 200), value);
  }
  return values;
}

} // namespace aeo::consolidate
