// Phase 9: who may call from a browser.
#include "tools/consolidate/cors_origins.hpp"
#include "tools/consolidate/evidence.hpp"
#include "tools/consolidate/parallel.hpp"
#include "tools/consolidate/phase9.hpp"
#include "tools/consolidate/security_findings.hpp"
#include "tools/consolidate/variable_table.hpp"
#include "tools/consolidate/wording.hpp"

#include <map>
#include <set>
#include <utility>

namespace aeo::consolidate {

namespace {

/// What is larger was written by no person; settings are looked for by going back and forth in it.
constexpr std::uint64_t largest_settings = 256U << 10;

/// The places of one file that let any origin in.
struct open_places {
  std::set<std::pair<std::uint32_t, std::uint32_t>> rules; ///< line and rule
  std::set<std::uint32_t> with_credentials;                ///< lines
  std::set<std::pair<std::uint32_t, std::uint32_t>>
      values; ///< Those that count where they are used.
};

bool is_cors(const line_checker& checker, const check_hit& hit) {
  return hit.rule < checker.first_route() && checker.check(hit.rule).category == "cors";
}

/// A value that a variable holds counts where it is used.
void add_setting(const origin_setting& setting, std::string_view path, std::string_view language,
                 const line_checker& checker, open_places& places) {
  for (const auto& value : setting.values) {
    for (const auto& hit : checker.search(path, language, value.text)) {
      if (!is_cors(checker, hit))
        continue;
      if (value.line != setting.line)
        places.values.emplace(value.line, hit.rule);
      places.rules.emplace(setting.line, hit.rule);
      if (setting.credentials)
        places.with_credentials.insert(setting.line);
    }
  }
}

open_places places_of(const survey& all, const scanned_file& file, const line_checker& checker) {
  open_places places;
  for (const auto& hit : file.facts.checks) {
    if (is_cors(checker, hit))
      places.rules.emplace(hit.line, hit.rule);
  }
  const auto& language = file.facts.language;
  if (!has_origin_settings(language) || file.facts.size > largest_settings
      || !is_readable_text(all, file))
    return places;
  const auto text = read_content(all, file);
  for (const auto& setting : origin_settings(text, or_plain(language_by_name(language))))
    add_setting(setting, all.tracked(file).path, language, checker, places);
  for (const auto& place : places.values)
    places.rules.erase(place);
  return places;
}

/// Any origin with credentials acts for whoever is signed in.
std::string severity_of(const step_context& context, const std::string& path,
                        const line_check& rule, bool credentials) {
  if (!is_production(context, path))
    return "low";
  return credentials && rule.severity == "medium" ? "high" : rule.severity;
}

} // namespace

step_result cors_config(const step_context& context) {
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  std::vector<open_places> places(all.files.size());
  for_each_parallel(all.files.size(), [&](std::size_t f) {
    if (!is_excluded(context, all, all.files[f]))
      places[f] = places_of(all, all.files[f], rules.checks());
  });
  finding_list findings(context.config.security);
  std::size_t permissive = 0;
  for (std::size_t f = 0; f < all.files.size(); ++f) {
    const auto& path = all.tracked(all.files[f]).path;
    for (const auto& [line, index] : places[f].rules) {
      const auto& rule = rules.checks().check(index);
      const bool credentials = places[f].with_credentials.contains(line);
      ++permissive;
      findings.add(severity_of(context, path, rule, credentials), rule.id,
                   rule.title + (credentials ? ", with credentials" : ""), rule.advice,
                   all.source_of(all.files[f]).name, path, place_json(all, f, line));
    }
  }
  ordered document{{"permissive", permissive}};
  findings.write(document);
  return {document, counted(permissive, "place lets", "places let") + " any origin in"};
}

} // namespace aeo::consolidate
