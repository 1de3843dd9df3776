#pragma once

#include "tools/consolidate/link_check.hpp"
#include "tools/consolidate/manifest.hpp"
#include "tools/consolidate/mapping.hpp"
#include "tools/consolidate/variable_table.hpp"

#include <string>
#include <vector>

namespace aeo::consolidate {

/// A command that a developer types, with the place that defines it.
struct documented_command {
  std::string command;
  std::string what; ///< what it runs; may be empty
  std::size_t component = 0;
  std::string path; ///< in the monorepo
  std::uint32_t line = 0;
};

struct documented_component {
  const component* mapped = nullptr;
  std::string page;                   ///< `components/NAME.md`
  std::string readme;                 ///< path in the monorepo; empty: none
  std::string summary;                ///< first paragraph of the README; empty if there is none
  std::vector<std::string> documents; ///< Markdown files other than the README
  std::vector<std::string> languages; ///< most code first
  bool readme_expected = false;       ///< a service, an app or a library
};

/// What the pages are made of, read from the sources and from the monorepo.
struct docs_model {
  survey sources;
  component_map map;
  std::vector<manifest> manifests;
  variable_report variables;
  source monorepo; ///< its HEAD
  std::vector<documented_component> components;
  std::vector<documented_command> commands;

  /// Where a file of a source is in the monorepo; empty if a strategy gave it another place.
  std::string place_of(std::size_t file) const;
};

/// `tree` holds the files of the monorepo below `monorepo/`.
docs_model read_docs_model(const step_context& context, const rule_set& rules, link_tree& tree);

/// A page and its text.
struct docs_page {
  std::string path; ///< in monorepo-docs
  std::string text;
};

std::vector<docs_page> write_pages(const docs_model& model);

} // namespace aeo::consolidate
