#include "tools/consolidate/extract.hpp"

#include "tools/consolidate/paths.hpp"

#include <algorithm>
#include <cctype>

namespace aeo::consolidate {

namespace {

bool is_name_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::string_view leading_name(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && is_name_char(text[n]))
    ++n;
  return text.substr(0, n);
}

std::string_view quoted(std::string_view text) {
  const auto begin = text.find_first_of("\"'`");
  if (begin == std::string_view::npos)
    return {};
  const auto end = text.find(text[begin], begin + 1);
  return end == std::string_view::npos ? std::string_view{}
                                       : text.substr(begin + 1, end - begin - 1);
}

bool is_variable(std::string_view name) {
  return name.size() > 1 && std::isdigit(static_cast<unsigned char>(name[0])) == 0
         && std::any_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; })
         && std::none_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

class extractor {
public:
  extractor(std::string_view language, references& out)
      : language_(language), environment_(language == "Environment file"), out_(out) {}

  void line(std::string_view text, std::uint32_t number) {
    number_ = number;
    const auto trimmed = trim(text);
    if (environment_)
      declared(trimmed);
    if (language_ == "Python")
      python(trimmed);
    else if (language_ == "JavaScript" || language_ == "TypeScript" || language_ == "Vue"
             || language_ == "Svelte")
      script(trimmed);
    else if (language_ == "Go")
      go(trimmed);
    else if (language_ == "Rust")
      after(trimmed, "use ", "::;");
    else if (language_ == "Java" || language_ == "Kotlin" || language_ == "Scala")
      after(trimmed, "import ", "; ");
    else if (language_ == "C" || language_ == "C++" || language_ == "C header")
      c(text, trimmed);
  }

private:
  void add(std::vector<named_line>& list, std::string_view name) {
    if (!name.empty() && name.size() <= 200)
      list.push_back({printable(name, 200), number_});
  }

  void declared(std::string_view line) {
    if (line.starts_with("export "))
      line.remove_prefix(7);
    if (line.starts_with("# "))
      line.remove_prefix(2); // an optional variable: `# NAME=value`
    const auto name = leading_name(line);
    if (is_variable(name) && line.substr(name.size()).starts_with('='))
      add(out_.env_declared, name);
  }

  void python(std::string_view line) {
    if (line.starts_with("from ")) {
      const auto module = line.substr(5, line.find(' ', 5) - 5);
      if (line.find(" import") != std::string_view::npos)
        add(out_.imports, module);
    } else if (line.starts_with("import ")) {
      for (auto part : split(line.substr(7), ',')) {
        part = trim(part);
        add(out_.imports, part.substr(0, part.find_first_of(" #;")));
      }
    }
  }

  void script(std::string_view line) {
    for (const std::string_view call : {"require(", "import("}) {
      const auto at = line.find(call);
      if (at != std::string_view::npos)
        add(out_.imports, quoted(line.substr(at + call.size())));
    }
    const bool statement =
        line.starts_with("import ") || line.starts_with("export ") || line.starts_with("} from ");
    if (!statement)
      return;
    const auto from = line.find("from ");
    if (from != std::string_view::npos)
      add(out_.imports, quoted(line.substr(from)));
    else if (line.starts_with("import \"") || line.starts_with("import '"))
      add(out_.imports, quoted(line));
  }

  void go(std::string_view line) {
    if (line.starts_with("import (")) {
      in_import_block_ = true;
    } else if (in_import_block_) {
      if (line.starts_with(')'))
        in_import_block_ = false;
      else
        add(out_.imports, quoted(line));
    } else if (line.starts_with("import ")) {
      add(out_.imports, quoted(line));
    }
  }

  void after(std::string_view line, std::string_view keyword, std::string_view stop) {
    if (!line.starts_with(keyword))
      return;
    line.remove_prefix(keyword.size());
    add(out_.imports, line.substr(0, line.find_first_of(stop)));
  }

  void c(std::string_view text, std::string_view line) {
    if (!in_comment_) {
      include(line);
      condition(line);
      if (out_.main_line == 0 && is_main(text)
          && std::find(conditions_.begin(), conditions_.end(), true) == conditions_.end())
        out_.main_line = number_;
    }
    const auto opened = line.rfind("/*");
    const auto closed = line.rfind("*/");
    if (opened != std::string_view::npos || closed != std::string_view::npos)
      in_comment_ =
          opened != std::string_view::npos && (closed == std::string_view::npos || closed < opened);
  }

  /// `#ifdef SELFTEST` is seldom true, `#ifndef FUZZING` and `#else` mostly are.
  void condition(std::string_view line) {
    if (!line.starts_with('#'))
      return;
    line = trim(line.substr(1));
    if (line.starts_with("if"))
      conditions_.push_back(!line.starts_with("ifndef") && !line.starts_with("if !"));
    else if (line.starts_with("else") && !conditions_.empty())
      conditions_.back() = false;
    else if (line.starts_with("endif") && !conditions_.empty())
      conditions_.pop_back();
  }

  /// `int main(`, or the second line of it, where the type stands on the first.
  static bool is_main(std::string_view text) {
    const auto at = text.find("main");
    if (at == std::string_view::npos || !trim(text.substr(at + 4)).starts_with('(')
        || trim(text).ends_with(';'))
      return false;
    const auto before = trim(text.substr(0, at));
    return at == 0
           || (text[at - 1] == ' ' && (before == "int" || before == "void" || before == "auto"))
           || (text[at - 1] == '\t' && before == "int");
  }

  void include(std::string_view line) {
    if (!line.starts_with('#'))
      return;
    line = trim(line.substr(1));
    if (!line.starts_with("include"))
      return;
    line = trim(line.substr(7));
    const char close = line.starts_with('<') ? '>' : '"';
    const auto end = line.find(close, 1);
    if (end != std::string_view::npos)
      add(out_.imports, line.substr(1, end - 1));
  }

  std::string_view language_;
  bool environment_;
  references& out_;
  std::uint32_t number_ = 0;
  bool in_import_block_ = false;
  bool in_comment_ = false;
  std::vector<bool> conditions_; ///< of C: open ones, true where the code is left out mostly
};

} // namespace

references extract_references(std::string_view language, std::string_view text) {
  references out;
  extractor reader(language, out);
  std::uint32_t number = 0;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    reader.line(line.substr(0, 4096), ++number);
    if (end == std::string_view::npos)
      break;
    text.remove_prefix(end + 1);
  }
  return out;
}

} // namespace aeo::consolidate
