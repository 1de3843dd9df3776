#include "tools/consolidate/language.hpp"

#include "tools/consolidate/paths.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace aeo::consolidate {

namespace {

constexpr std::string_view c_quotes = "\"'";

constexpr std::array languages{
    language{"Ada", "--", "", "", "", "\""},
    language{"Assembly", ";", "#", "/*", "*/", "\""},
    language{"Batch", "REM ", "::", "", "", ""},
    language{"C", "//", "", "/*", "*/", c_quotes},
    language{"C header", "//", "", "/*", "*/", c_quotes},
    language{"C#", "//", "", "/*", "*/", c_quotes},
    language{"C++", "//", "", "/*", "*/", c_quotes},
    language{"CMake", "#", "", "#[[", "]]", "\""},
    language{"CSS", "", "", "/*", "*/", c_quotes},
    language{"CSV", "", "", "", "", ""},
    language{"Clojure", ";", "", "", "", "\""},
    language{"Dart", "//", "", "/*", "*/", c_quotes},
    language{"Dockerfile", "#", "", "", "", c_quotes},
    language{"Elixir", "#", "", "", "", c_quotes, true},
    language{"Environment file", "#", "", "", "", c_quotes},
    language{"Erlang", "%", "", "", "", "\""},
    language{"Fortran", "!", "", "", "", c_quotes},
    language{"Go", "//", "", "/*", "*/", "\"'`"},
    language{"GraphQL", "#", "", "", "", "\"", true},
    language{"HCL", "#", "//", "/*", "*/", "\""},
    language{"HTML", "", "", "<!--", "-->", ""},
    language{"Haskell", "--", "", "{-", "-}", "\""},
    language{"INI", "#", ";", "", "", ""},
    language{"JSON", "", "", "", "", "\""},
    language{"Java", "//", "", "/*", "*/", c_quotes},
    language{"JavaScript", "//", "", "/*", "*/", "\"'`"},
    language{"Jinja", "", "", "{#", "#}", ""},
    language{"Julia", "#", "", "#=", "=#", "\""},
    language{"Jupyter notebook", "", "", "", "", "\""},
    language{"Kotlin", "//", "", "/*", "*/", c_quotes},
    language{"Less", "//", "", "/*", "*/", c_quotes},
    language{"Lisp", ";", "", "#|", "|#", "\""},
    language{"Lua", "--", "", "--[[", "]]", c_quotes},
    language{"Makefile", "#", "", "", "", ""},
    language{"Markdown", "", "", "<!--", "-->", ""},
    language{"Meson", "#", "", "", "", "'"},
    language{"OCaml", "", "", "(*", "*)", "\""},
    language{"Objective-C", "//", "", "/*", "*/", c_quotes},
    language{"PHP", "//", "#", "/*", "*/", c_quotes},
    language{"Pascal", "//", "", "{", "}", "'"},
    language{"Perl", "#", "", "=pod", "=cut", c_quotes},
    language{"PowerShell", "#", "", "<#", "#>", c_quotes},
    language{"Protocol Buffers", "//", "", "/*", "*/", c_quotes},
    language{"Python", "#", "", "", "", c_quotes, true},
    language{"R", "#", "", "", "", c_quotes},
    language{"Roff", ".\\\"", "'\\\"", "", "", ""},
    language{"Ruby", "#", "", "=begin", "=end", c_quotes},
    language{"Rust", "//", "", "/*", "*/", "\""},
    language{"SQL", "--", "", "/*", "*/", "'"},
    language{"SVG", "", "", "<!--", "-->", ""},
    language{"Sass", "//", "", "/*", "*/", c_quotes},
    language{"Scala", "//", "", "/*", "*/", "\""},
    language{"Shell", "#", "", "", "", c_quotes},
    language{"Starlark", "#", "", "", "", c_quotes, true},
    language{"Svelte", "//", "", "<!--", "-->", "\"'`"},
    language{"Swift", "//", "", "/*", "*/", "\""},
    language{"TOML", "#", "", "", "", c_quotes},
    language{"Tcl", "#", "", "", "", "\""},
    language{"TeX", "%", "", "", "", ""},
    language{"Text", "", "", "", "", ""},
    language{"TypeScript", "//", "", "/*", "*/", "\"'`"},
    language{"Vim script", "\"", "", "", "", ""},
    language{"Vue", "//", "", "<!--", "-->", "\"'`"},
    language{"XML", "", "", "<!--", "-->", ""},
    language{"YAML", "#", "", "", "", c_quotes},
    language{"Zig", "//", "", "", "", "\""},
    language{"reStructuredText", "", "", "", "", ""},
};

using name_table = std::unordered_map<std::string_view, std::string_view>;

const name_table& extensions() {
  static const name_table table{{"adb", "Ada"},
                                {"ads", "Ada"},
                                {"s", "Assembly"},
                                {"asm", "Assembly"},
                                {"bat", "Batch"},
                                {"cmd", "Batch"},
                                {"c", "C"},
                                {"h", "C header"},
                                {"cs", "C#"},
                                {"cpp", "C++"},
                                {"cc", "C++"},
                                {"cxx", "C++"},
                                {"hpp", "C++"},
                                {"hh", "C++"},
                                {"hxx", "C++"},
                                {"ipp", "C++"},
                                {"cmake", "CMake"},
                                {"css", "CSS"},
                                {"csv", "CSV"},
                                {"tsv", "CSV"},
                                {"clj", "Clojure"},
                                {"dart", "Dart"},
                                {"ex", "Elixir"},
                                {"exs", "Elixir"},
                                {"env", "Environment file"},
                                {"erl", "Erlang"},
                                {"hrl", "Erlang"},
                                {"f", "Fortran"},
                                {"f90", "Fortran"},
                                {"go", "Go"},
                                {"graphql", "GraphQL"},
                                {"gql", "GraphQL"},
                                {"tf", "HCL"},
                                {"tfvars", "HCL"},
                                {"hcl", "HCL"},
                                {"html", "HTML"},
                                {"htm", "HTML"},
                                {"xhtml", "HTML"},
                                {"hs", "Haskell"},
                                {"ini", "INI"},
                                {"cfg", "INI"},
                                {"conf", "INI"},
                                {"properties", "INI"},
                                {"json", "JSON"},
                                {"jsonl", "JSON"},
                                {"geojson", "JSON"},
                                {"java", "Java"},
                                {"js", "JavaScript"},
                                {"mjs", "JavaScript"},
                                {"cjs", "JavaScript"},
                                {"jsx", "JavaScript"},
                                {"j2", "Jinja"},
                                {"jinja", "Jinja"},
                                {"jl", "Julia"},
                                {"ipynb", "Jupyter notebook"},
                                {"kt", "Kotlin"},
                                {"kts", "Kotlin"},
                                {"less", "Less"},
                                {"lisp", "Lisp"},
                                {"el", "Lisp"},
                                {"scm", "Lisp"},
                                {"lua", "Lua"},
                                {"mk", "Makefile"},
                                {"mak", "Makefile"},
                                {"md", "Markdown"},
                                {"markdown", "Markdown"},
                                {"mdx", "Markdown"},
                                {"ml", "OCaml"},
                                {"mli", "OCaml"},
                                {"m", "Objective-C"},
                                {"mm", "Objective-C"},
                                {"php", "PHP"},
                                {"pas", "Pascal"},
                                {"pl", "Perl"},
                                {"pm", "Perl"},
                                {"t", "Perl"},
                                {"ps1", "PowerShell"},
                                {"psm1", "PowerShell"},
                                {"proto", "Protocol Buffers"},
                                {"py", "Python"},
                                {"pyi", "Python"},
                                {"r", "R"},
                                {"1", "Roff"},
                                {"3", "Roff"},
                                {"5", "Roff"},
                                {"8", "Roff"},
                                {"rb", "Ruby"},
                                {"rake", "Ruby"},
                                {"gemspec", "Ruby"},
                                {"rs", "Rust"},
                                {"sql", "SQL"},
                                {"svg", "SVG"},
                                {"scss", "Sass"},
                                {"sass", "Sass"},
                                {"scala", "Scala"},
                                {"sh", "Shell"},
                                {"bash", "Shell"},
                                {"zsh", "Shell"},
                                {"bzl", "Starlark"},
                                {"svelte", "Svelte"},
                                {"swift", "Swift"},
                                {"toml", "TOML"},
                                {"tcl", "Tcl"},
                                {"tex", "TeX"},
                                {"sty", "TeX"},
                                {"txt", "Text"},
                                {"ts", "TypeScript"},
                                {"tsx", "TypeScript"},
                                {"mts", "TypeScript"},
                                {"cts", "TypeScript"},
                                {"vim", "Vim script"},
                                {"vue", "Vue"},
                                {"xml", "XML"},
                                {"xsd", "XML"},
                                {"xsl", "XML"},
                                {"xslt", "XML"},
                                {"yaml", "YAML"},
                                {"yml", "YAML"},
                                {"zig", "Zig"},
                                {"rst", "reStructuredText"}};
  return table;
}

const name_table& file_names() {
  static const name_table table{{"makefile", "Makefile"},     {"gnumakefile", "Makefile"},
                                {"dockerfile", "Dockerfile"}, {"containerfile", "Dockerfile"},
                                {"cmakelists.txt", "CMake"},  {"meson.build", "Meson"},
                                {"build.bazel", "Starlark"},  {"gemfile", "Ruby"},
                                {"rakefile", "Ruby"},         {"jenkinsfile", "Java"},
                                {"pipfile", "TOML"},          {"cargo.lock", "TOML"},
                                {"readme", "Text"},           {"license", "Text"},
                                {"changelog", "Text"},        {"copying", "Text"},
                                {"requirements.txt", "Text"}, {"go.mod", "Go"}};
  return table;
}

std::string_view interpreter_language(std::string_view head) {
  if (!head.starts_with("#!"))
    return {};
  const auto line = head.substr(0, head.find('\n'));
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> interpreters{
      {{"python", "Python"},
       {"node", "JavaScript"},
       {"bash", "Shell"},
       {"perl", "Perl"},
       {"ruby", "Ruby"},
       {"php", "PHP"},
       {"sh", "Shell"}}};
  for (const auto& [program, name] : interpreters) {
    if (line.find(program) != std::string_view::npos)
      return name;
  }
  return {};
}

/// The state that a line hands to the next, and what the line had.
class line_scanner {
public:
  explicit line_scanner(const language& lang) : lang_(lang) {
    for (const auto token : {lang.line_comment, lang.line_comment_2, lang.block_open})
      note(token.substr(0, 1));
    note(lang.quotes);
    if (lang.triple_quotes)
      note("\"'");
  }

  void scan(std::string_view line) {
    code = false;
    comment = false;
    while (!line.empty())
      line.remove_prefix(step(line));
  }

  bool code = false;
  bool comment = false;

private:
  std::size_t step(std::string_view rest) {
    if (!close_.empty())
      return inside_block(rest);
    if (rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r' || rest[0] == '\f')
      return 1;
    if (opens(rest, lang_.block_open)) {
      close_ = lang_.block_close;
      comment = true;
      return lang_.block_open.size();
    }
    if (opens(rest, lang_.line_comment) || opens(rest, lang_.line_comment_2)) {
      comment = true;
      return rest.size();
    }
    if (lang_.triple_quotes && (rest.starts_with("\"\"\"") || rest.starts_with("'''"))) {
      // At the start of a line it documents; after code it is a value, whose lines are code.
      docstring_ = !code;
      close_ = rest[0] == '"' ? "\"\"\"" : "'''";
      (docstring_ ? comment : code) = true;
      return 3;
    }
    code = true;
    if (lang_.quotes.find(rest[0]) != std::string_view::npos)
      return string_length(rest);
    // In a line that is code, only what may open something matters.
    std::size_t n = 1;
    while (n < rest.size() && !opens_[static_cast<unsigned char>(rest[n])])
      ++n;
    return n;
  }

  void note(std::string_view characters) {
    for (const char c : characters)
      opens_[static_cast<unsigned char>(c)] = true;
  }

  static bool opens(std::string_view rest, std::string_view token) {
    return !token.empty() && rest.starts_with(token);
  }

  std::size_t inside_block(std::string_view rest) {
    const bool value = lang_.triple_quotes && close_ != lang_.block_close && !docstring_;
    if (rest.find_first_not_of(" \t\r") != std::string_view::npos)
      (value ? code : comment) = true;
    const auto end = rest.find(close_);
    if (end == std::string_view::npos)
      return rest.size();
    const auto length = end + close_.size();
    close_ = {};
    return length;
  }

  static std::size_t string_length(std::string_view rest) {
    for (std::size_t i = 1; i < rest.size(); ++i) {
      if (rest[i] == '\\')
        ++i;
      else if (rest[i] == rest[0])
        return i + 1;
    }
    // Not closed on this line: an apostrophe or a character of another kind, not a string.
    return 1;
  }

  const language& lang_;
  std::array<bool, 256> opens_{}; ///< the first characters of comments and strings
  std::string_view close_;
  bool docstring_ = false;
};

} // namespace

const language* language_by_name(std::string_view name) {
  const auto found =
      std::lower_bound(languages.begin(), languages.end(), name,
                       [](const language& l, std::string_view n) { return l.name < n; });
  return found != languages.end() && found->name == name ? &*found : nullptr;
}

const language& or_plain(const language* lang) {
  static const language plain{"", "", "", "", "", ""};
  return lang == nullptr ? plain : *lang;
}

const language* find_language(std::string_view path, std::string_view head) {
  const auto name = lower(base_name(path));
  if (const auto it = file_names().find(name); it != file_names().end())
    return language_by_name(it->second);
  if (name.starts_with("dockerfile.") || name.ends_with(".dockerfile"))
    return language_by_name("Dockerfile");
  if (name.starts_with(".env"))
    return language_by_name("Environment file");
  const auto dot = name.rfind('.');
  if (dot != std::string::npos && dot + 1 < name.size()) {
    const auto it = extensions().find(std::string_view(name).substr(dot + 1));
    if (it != extensions().end())
      return language_by_name(it->second);
  }
  return language_by_name(interpreter_language(head));
}

bool is_comment_line(std::string_view line, const language* lang) {
  line = trim(line);
  if (lang == nullptr || line.empty())
    return false;
  const auto opens = [&](std::string_view token) {
    return !token.empty() && line.starts_with(token);
  };
  return opens(lang->line_comment) || opens(lang->line_comment_2) || opens(lang->block_open)
         || (lang->block_open == "/*" && (line == "*" || line.starts_with("* ")));
}

line_counts& line_counts::operator+=(const line_counts& other) {
  code += other.code;
  comment += other.comment;
  blank += other.blank;
  return *this;
}

line_counts count_lines(std::string_view text, const language* lang) {
  line_counts counts;
  line_scanner scanner(or_plain(lang));
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    scanner.scan(line);
    if (scanner.code)
      ++counts.code;
    else if (scanner.comment)
      ++counts.comment;
    else
      ++counts.blank;
    if (end == std::string_view::npos)
      break;
    text.remove_prefix(end + 1);
  }
  return counts;
}

} // namespace aeo::consolidate
