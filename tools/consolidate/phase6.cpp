#include "tools/consolidate/phase6.hpp"

#include "tools/consolidate/docs_model.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/findings.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/wording.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace aeo::consolidate {

namespace {

namespace fs = std::filesystem;

/// Follows no symbolic link: a tracked one may lead anywhere.
std::optional<std::string> read_below(const std::string& root, const std::string& path) {
  const auto file = root + "/" + path;
  if (!fs::is_regular_file(fs::symlink_status(file)))
    return std::nullopt;
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!(text << in.rdbuf()) && fs::file_size(file) > 0)
    return std::nullopt;
  return text.str();
}

/// Replaces the pages of an earlier run as a whole.
void install_pages(const step_context& context, const std::vector<docs_page>& pages) {
  const auto target = context.consolidation() + "/monorepo-docs";
  const auto fresh = context.consolidation() + "/.monorepo-docs.new";
  const auto old = context.consolidation() + "/.monorepo-docs.old";
  std::error_code ec;
  fs::remove_all(fresh, ec);
  fs::remove_all(old, ec);
  for (const auto& page : pages)
    write_durably(fresh + "/" + page.path, page.text);
  if (fs::exists(target))
    fs::rename(target, old, ec);
  fs::rename(fresh, target, ec);
  if (ec)
    throw failure(exit_status::try_again, target + ": cannot be replaced: " + ec.message());
  fs::remove_all(old, ec);
}

/// Follows the links of the pages and of the documents.
class link_report {
public:
  link_report(const step_context& context, const docs_model& model, link_tree& tree)
      : context_(context), tree_(tree) {
    for (const auto& item : model.components) {
      if (!item.readme.empty())
        indexed_.insert(item.readme);
      indexed_.insert(item.documents.begin(), item.documents.end());
    }
  }

  void check_page(const std::string& path) {
    follow("monorepo-docs/" + path, "", [&](const markdown_link& link, const std::string& reason) {
      ++generated_;
      add("high", "broken-link-generated", "monorepo-docs", path, link, reason);
    });
  }

  void check_document(const std::string& path) {
    if (!is_markdown(path) || any_glob_matches(context_.config.vendored, path))
      return;
    ++documents_;
    const bool indexed = indexed_.contains(path);
    follow("monorepo/" + path, "monorepo",
           [&](const markdown_link& link, const std::string& reason) {
             ++(indexed ? in_documents_ : elsewhere_);
             add(indexed ? "medium" : "low", "broken-link", "monorepo", path, link, reason);
           });
  }

  void write(ordered& document, ordered& findings) {
    document["broken_links_generated"] = generated_;
    document["broken_links_documents"] = in_documents_;
    document["broken_links_elsewhere"] = elsewhere_;
    document["links_checked"] = checked_;
    document["links_external"] = external_;
    document["documents_total"] = documents_;
    document["broken"] = broken_;
    document["outside"] = outside_;
    for (auto& item : findings_)
      findings.push_back(std::move(item));
  }

private:
  template <class Broken>
  void follow(const std::string& path, const std::string& top, Broken broken) {
    // A copy: following a link may parse another document and move this one.
    const auto links = tree_.document(path).links;
    for (const auto& link : links) {
      const auto verdict = check_link(tree_, path, link.target, top);
      if (verdict.state == link_state::external) {
        ++external_;
        continue;
      }
      if (verdict.state == link_state::outside) {
        outside_.push_back({{"path", encode_path(path)},
                            {"line", link.line},
                            {"status", "not_measured"},
                            {"reason", "leads out of the repository"}});
        continue;
      }
      ++checked_;
      if (verdict.state == link_state::broken)
        broken(link, verdict.reason);
    }
  }

  void add(std::string_view severity, std::string_view rule, std::string_view repository,
           const std::string& path, const markdown_link& link, const std::string& reason) {
    ordered where{{"repository", repository}, {"path", encode_path(path)}, {"line", link.line}};
    findings_.push_back(finding(severity, rule, "a link leads nowhere: " + reason,
                                "mend the link, or add what it names", where));
    where["target"] = printable(link.target, 300);
    where["reason"] = reason;
    broken_.push_back(std::move(where));
  }

  const step_context& context_;
  link_tree& tree_;
  std::set<std::string> indexed_;
  std::size_t generated_ = 0;
  std::size_t in_documents_ = 0;
  std::size_t elsewhere_ = 0;
  std::size_t checked_ = 0;
  std::size_t external_ = 0;
  std::size_t documents_ = 0;
  ordered broken_ = ordered::array();
  ordered outside_ = ordered::array();
  ordered findings_ = ordered::array();
};

void write_readme_coverage(const docs_model& model, ordered& document, ordered& findings) {
  std::size_t expected = 0;
  std::size_t present = 0;
  ordered without = ordered::array();
  ordered documents = ordered::array();
  for (const auto& item : model.components) {
    const auto& name = item.mapped->name;
    const auto count = item.documents.size() + (item.readme.empty() ? 0 : 1);
    documents.push_back(
        {{"component", name},
         {"readme", item.readme.empty() ? ordered() : ordered(encode_path(item.readme))},
         {"documents", count},
         {"page", item.page}});
    if (!item.readme_expected)
      continue;
    ++expected;
    present += item.readme.empty() ? 0 : 1;
    if (!item.readme.empty())
      continue;
    without.push_back(name);
    findings.push_back(
        finding("low", "no-readme", "the component " + name + " has no README",
                "say what it is, how to run it, how to test it",
                {{"repository", "monorepo"}, {"path", encode_path(item.mapped->target)}}));
  }
  document["components_total"] = model.components.size();
  document["readme_expected"] = expected;
  document["readme_present"] = present;
  document["components_without_readme"] = without;
  document["components"] = documents;
}

/// Variables that neither an example file nor any document names.
void write_undocumented(const docs_model& model, link_tree& tree, const std::string& root,
                        ordered& document, ordered& findings) {
  std::set<std::string, std::less<>> open;
  for (const auto& [name, facts] : model.variables.variables) {
    if (!facts.used.empty() && !facts.provided && !facts.test_only() && facts.declared.empty())
      open.insert(name);
  }
  for (const auto& path : tree.files()) {
    if (open.empty() || !is_markdown(path) || !path.starts_with("monorepo/"))
      continue;
    const auto text = read_below(root, path).value_or("");
    std::erase_if(open, [&](const auto& name) { return text.find(name) != std::string::npos; });
  }
  ordered list = ordered::array();
  for (const auto& name : open) {
    const auto& facts = model.variables.variables.find(name)->second;
    const auto& place = facts.used.front();
    auto where = place_json(model.sources, place.file, place.line);
    where["variable"] = name;
    list.push_back(where);
    findings.push_back(finding("low", "undocumented-variable",
                               name + " is read here and neither declared nor described",
                               "describe it in the README or in .env.example", where));
  }
  document["variables_undocumented"] = list.size();
  document["undocumented"] = list;
}

} // namespace

step_result documentation(const step_context& context) {
  const rule_set rules(context.config);
  const auto root = context.consolidation();
  link_tree tree([&](const std::string& path) { return read_below(root, path); });
  const auto model = read_docs_model(context, rules, tree);
  auto pages = write_pages(model);
  for (auto& page : pages)
    page.text = rules.secrets().masked(page.text);
  install_pages(context, pages);
  ordered document;
  ordered findings = ordered::array();
  ordered written = ordered::array();
  for (const auto& page : pages) {
    tree.add("monorepo-docs/" + page.path);
    written.push_back("consolidation/monorepo-docs/" + page.path);
  }
  link_report links(context, model, tree);
  for (const auto& page : pages)
    links.check_page(page.path);
  std::size_t done = 0;
  for (const auto& file : model.monorepo.files) {
    links.check_document(file.path);
    context.progress("documents", ++done, model.monorepo.files.size());
  }
  links.write(document, findings);
  write_readme_coverage(model, document, findings);
  write_undocumented(model, tree, root, document, findings);
  document["commands_total"] = model.commands.size();
  document["pages"] = written;
  document["by_severity"] = count_by_severity(findings);
  document["findings"] = findings;
  const auto summary = counted(pages.size(), "page") + ", "
                       + counted(document["links_checked"], "link") + " followed, "
                       + std::to_string(document["broken"].size()) + " broken, READMEs for "
                       + document["readme_present"].dump() + " of "
                       + counted(document["readme_expected"], "component");
  return {std::move(document), summary};
}

} // namespace aeo::consolidate
