#include "tools/consolidate/syntax.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/language.hpp"
#include "tools/consolidate/parallel.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/supervised.hpp"
#include "tools/consolidate/syntax_scripts.hpp"

#include <pugixml.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <set>

namespace aeo::consolidate {

namespace fs = std::filesystem;

namespace {

using outcome_kind = parse_outcome::kind;
using outcomes = std::vector<parse_outcome>;
using paths_list = std::vector<std::string>;

/// Files that one start of a parser is worth, and files after which another may take over.
constexpr std::size_t least_batch = 50;
constexpr std::size_t most_batch = 200;
/// Java takes a second to start, and compiles the parser itself then.
constexpr std::size_t most_java_batch = 1000;

/// Text that no parser refuses, whatever is in it.
const std::set<std::string, std::less<>> plain_languages{
    "Markdown", "Text", "reStructuredText", "CSV",  "HTML",
    "CSS",      "INI",  "Environment file", "Roff", "Jinja"};

/// How one language is parsed here: by a batch, or not at all for a reason.
struct language_parser {
  std::string name; ///< of the parser, as it is reported
  std::string reason;
  std::function<outcomes(const paths_list&, std::vector<parsed_import>&)> batch;
};

class syntax_checker_run {
public:
  syntax_checker_run(const step_context& context, const scratch_checkout& checkout)
      : context_(context), checkout_(checkout) {}

  syntax_report run() {
    sort_files();
    make_parsers();
    const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    std::vector<std::pair<std::string, paths_list>> batches;
    for (auto& [language, files] : by_language_) {
      auto& entry = report_.languages[language];
      entry.files = files.size();
      entry.parser = parsers_[language].name;
      entry.reason = parsers_[language].reason;
      const auto most = language == "Java" ? most_java_batch : most_batch;
      const auto size = std::clamp((files.size() + cores - 1) / cores, least_batch, most);
      for (std::size_t i = 0; i < files.size(); i += size)
        batches.emplace_back(language, paths_list(files.begin() + static_cast<std::ptrdiff_t>(i),
                                                  files.begin()
                                                      + static_cast<std::ptrdiff_t>(
                                                          std::min(files.size(), i + size))));
    }
    std::size_t done = 0;
    for_each_parallel(batches.size(), [&](std::size_t i) {
      parse(batches[i].first, batches[i].second);
      const std::lock_guard lock(mutex_);
      context_.progress("batches parsed", ++done, batches.size());
    });
    const auto by_place = [](const auto& a, const auto& b) {
      return std::tie(a.path, a.line) < std::tie(b.path, b.line);
    };
    std::ranges::sort(report_.problems, by_place);
    std::ranges::sort(report_.python_imports, by_place);
    std::ranges::sort(report_.script_imports, by_place);
    return std::move(report_);
  }

private:
  /// The first bytes of a file say whether it is binary and what a `#!` names.
  std::string head_of(const std::string& path) const { return checkout_.read(path, 8000); }

  void sort_files() {
    const auto& config = context_.config;
    for (const auto& path : checkout_.files()) {
      ++report_.files_total;
      std::error_code ec;
      const auto status = fs::symlink_status(checkout_.tree() + "/" + path, ec);
      if (!fs::is_regular_file(status)) {
        ++report_.links;
        continue;
      }
      if (any_glob_matches(config.vendored, path)) {
        ++report_.vendored;
        continue;
      }
      if (any_glob_matches(config.run.syntax_exclude, path)) {
        ++report_.excluded;
        continue;
      }
      const auto head = head_of(path);
      if (head.find('\0') != std::string::npos && !head.starts_with("\xFF\xFE")
          && !head.starts_with("\xFE\xFF")) {
        ++report_.binary;
        continue;
      }
      sort_by_language(path, head);
    }
  }

  void sort_by_language(const std::string& path, const std::string& head) {
    const auto* found = find_language(path, head);
    std::string name(found != nullptr ? found->name : std::string_view("Text"));
    if (name == "Go" && !path.ends_with(".go"))
      name = base_name(path) == "go.mod" ? "Go module" : "Text"; // go.sum is a list
    if (name == "Go" && path.find("testdata/") != std::string::npos) {
      ++report_.excluded; // the go command ignores it: files there are meant to be odd
      return;
    }
    if (plain_languages.contains(name)) {
      ++report_.plain;
      return;
    }
    report_.sources.emplace_back(path, name);
    by_language_[name].push_back(path);
  }

  void make_parsers() {
    for (const auto& [language, ignored] : by_language_)
      parsers_[language].reason =
          "no parser for " + language + " is built in (name one in syntax.checkers)";
    data_parsers();
    script_parsers();
    program_parsers();
    for (const auto* language : {"C", "C++", "C header", "Objective-C"})
      unparsable(language, "needs the include paths of its build: its suites compile it");
    unparsable("Perl", "perl -c runs code of the file and needs its modules");
    unparsable("Dockerfile", "phase 10 parses and checks it");
    unparsable("Makefile", "make runs code of the file to read it");
    unparsable("CMake", "cmake runs the file to read it: its suites configure it");
    for (const auto& item : context_.config.run.syntax_checkers)
      configured(item);
  }

  void unparsable(const std::string& language, const std::string& reason) {
    if (by_language_.contains(language))
      parsers_[language].reason = reason;
  }

  template <class Batch>
  void use(const std::string& language, const std::string& parser, Batch batch) {
    if (by_language_.contains(language))
      parsers_[language] = {parser, "", batch};
  }

  /// One file after the other, by a function or by a program.
  template <class One>
  static auto each(One one) {
    return [one](const paths_list& files, std::vector<parsed_import>&) {
      outcomes out;
      for (const auto& path : files)
        out.push_back(one(path));
      return out;
    };
  }

  void data_parsers() {
    const auto limit = context_.config.max_text_bytes + 1;
    const auto guarded = [this, limit](auto parse) {
      return each([this, limit, parse](const std::string& path) -> parse_outcome {
        const auto text = checkout_.read(path, limit);
        if (text.size() == limit)
          return {outcome_kind::unmeasured, 0, "is larger than scan.max_text_bytes"};
        return parse(path, text);
      });
    };
    const auto json = guarded([](const std::string& path, const std::string& text) {
      return parse_json_file(path, text);
    });
    use("JSON", "nlohmann-json", json);
    use("Jupyter notebook", "nlohmann-json", json);
    use("YAML", "yaml-cpp", guarded([this](const std::string& path, const std::string& text) {
          return parse_yaml_file(checkout_, path, text);
        }));
    use("TOML", "toml++",
        guarded([](const std::string&, const std::string& text) { return parse_toml_file(text); }));
    use("XML", "pugixml", guarded([](const std::string&, const std::string& text) -> parse_outcome {
          pugi::xml_document document;
          const auto result = document.load_string(text.c_str());
          if (result)
            return {outcome_kind::parsed, 0, ""};
          const auto at = text.begin() + std::min<std::ptrdiff_t>(result.offset, std::ssize(text));
          return {outcome_kind::failed,
                  1 + static_cast<std::uint32_t>(std::count(text.begin(), at, '\n')),
                  result.description()};
        }));
  }

  std::string script_file(const std::string& name, std::string_view text) const {
    auto file = checkout_.root() + "/" + name;
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }

  void script(const std::string& language, const std::string& parser,
              const std::vector<std::string>& argv) {
    if (find_program(argv.front()).empty()) {
      unparsable(language, argv.front() + " is not on PATH");
      return;
    }
    use(language, parser,
        [this, argv](const paths_list& files, std::vector<parsed_import>& imports) {
          return run_script_batch(checkout_, {argv, checkout_.tree()}, files, imports);
        });
  }

  void script_parsers() {
    if (by_language_.contains("Python"))
      script("Python", "python3 (compile)",
             {"python3", "-I", script_file("parse.py", syntax_scripts::python)});
    if (by_language_.contains("JavaScript"))
      script("JavaScript", "node (vm)",
             {"node", "--experimental-vm-modules", "--no-warnings",
              script_file("parse.cjs", syntax_scripts::node)});
    for (const auto* language : {"XML", "SVG"}) {
      if (by_language_.contains(language) && !find_program("python3").empty())
        script(language, "expat (python3)",
               {"python3", "-I", script_file("parse-xml.py", syntax_scripts::xml)});
    }
    if (by_language_.contains("Java"))
      script("Java", "javac (parse)",
             {"java", "-Djava.io.tmpdir=" + checkout_.root() + "/tmp", "-XX:-UsePerfData",
              // For a process of seconds: compiled once, and no heap of gigabytes.
              "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xms32m",
              script_file("Parse.java", syntax_scripts::java)});
  }

  void program_parsers() {
    use("Shell", "sh -n, bash -n",
        each([this](const std::string& path) { return parse_shell_file(checkout_, path); }));
    if (find_program("go").empty())
      unparsable("Go module", "go is not on PATH");
    else
      use("Go module", "go mod edit", each([this](const std::string& path) {
            return parsed_by_program(checkout_, {"go", "mod", "edit", "-json", "./" + path});
          }));
    if (find_program("gofmt").empty())
      unparsable("Go", "gofmt is not on PATH");
    else
      use("Go", "gofmt -e", [this](const paths_list& files, std::vector<parsed_import>&) {
        return parse_go_files(checkout_, files);
      });
    if (find_program("rustfmt").empty())
      unparsable("Rust", "rustfmt is not on PATH");
    else
      use("Rust", "rustfmt",
          [this, config = script_file("rustfmt.toml", "")](const paths_list& files,
                                                           std::vector<parsed_import>&) {
            return parse_rust_files(checkout_, files, config);
          });
  }

  void configured(const syntax_checker& item) {
    if (!by_language_.contains(item.language))
      return;
    if (find_program(item.argv.front()).empty()) {
      if (!parsers_[item.language].batch)
        parsers_[item.language].reason = item.argv.front() + " is not on PATH";
      return;
    }
    use(item.language, item.argv.front(), each([this, item](const std::string& path) {
          auto argv = item.argv;
          argv.push_back("./" + path);
          return parsed_by_program(checkout_, argv);
        }));
  }

  void parse(const std::string& language, const paths_list& files) {
    const auto& parser = parsers_.at(language);
    std::vector<parsed_import> imports;
    outcomes found(files.size(), {outcome_kind::unmeasured, 0, parser.reason});
    if (parser.batch)
      found = parser.batch(files, imports);
    const std::lock_guard lock(mutex_);
    auto& entry = report_.languages[language];
    for (std::size_t i = 0; i < files.size(); ++i) {
      const auto& item = found[i];
      entry.parsed += item.what == outcome_kind::parsed ? 1 : 0;
      if (item.what == outcome_kind::failed) {
        ++entry.failed;
        report_.problems.push_back({files[i], item.line, language + ": " + item.text});
      } else if (item.what == outcome_kind::unmeasured) {
        ++entry.unparsed;
        ++report_.unmeasured[language + ": " + item.text];
      }
    }
    auto& list = language == "Python" ? report_.python_imports : report_.script_imports;
    list.insert(list.end(), imports.begin(), imports.end());
  }

  const step_context& context_;
  const scratch_checkout& checkout_;
  std::map<std::string, paths_list> by_language_;
  std::map<std::string, language_parser> parsers_;
  std::mutex mutex_;
  syntax_report report_;
};

} // namespace

syntax_report check_syntax(const step_context& context, const scratch_checkout& checkout) {
  return syntax_checker_run(context, checkout).run();
}

} // namespace aeo::consolidate
