#include "tools/consolidate/markdown.hpp"

#include "tools/consolidate/paths.hpp"

#include <climits>

#include <cmark.h>
#include <locale.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cwchar>
#include <cwctype>
#include <map>
#include <memory>

namespace aeo::consolidate {

namespace {

struct node_deleter {
  void operator()(cmark_node* node) const { cmark_node_free(node); }
};

/// The text below a node, breaks as spaces.
std::string plain_text(cmark_node* node) {
  std::string text;
  cmark_iter* each = cmark_iter_new(node);
  for (auto event = cmark_iter_next(each); event != CMARK_EVENT_DONE;
       event = cmark_iter_next(each)) {
    cmark_node* current = cmark_iter_get_node(each);
    const auto type = cmark_node_get_type(current);
    if (event == CMARK_EVENT_ENTER && (type == CMARK_NODE_TEXT || type == CMARK_NODE_CODE))
      text += cmark_node_get_literal(current);
    else if (type == CMARK_NODE_SOFTBREAK || type == CMARK_NODE_LINEBREAK)
      text += ' ';
  }
  cmark_iter_free(each);
  return text;
}

class markdown_reader {
public:
  explicit markdown_reader(const std::string& text)
      : root_(cmark_parse_document(text.data(), text.size(), CMARK_OPT_DEFAULT)) {}

  markdown_document run() {
    cmark_iter* each = cmark_iter_new(root_.get());
    for (auto event = cmark_iter_next(each); event != CMARK_EVENT_DONE;
         event = cmark_iter_next(each)) {
      if (event == CMARK_EVENT_ENTER)
        visit(cmark_iter_get_node(each));
    }
    cmark_iter_free(each);
    return std::move(out_);
  }

private:
  void visit(cmark_node* node) {
    switch (cmark_node_get_type(node)) {
    case CMARK_NODE_HEADING:
      heading(plain_text(node));
      break;
    case CMARK_NODE_PARAGRAPH:
      if (out_.summary.empty() && cmark_node_parent(node) == root_.get())
        out_.summary = trim(plain_text(node));
      break;
    case CMARK_NODE_LINK:
    case CMARK_NODE_IMAGE:
      out_.links.push_back({cmark_node_get_url(node), line_of_node(node)});
      break;
    case CMARK_NODE_HTML_BLOCK:
    case CMARK_NODE_HTML_INLINE:
      html(cmark_node_get_literal(node), line_of_node(node));
      break;
    default:
      break;
    }
  }

  /// An inline without a line of its own has that of its block.
  static std::uint32_t line_of_node(cmark_node* node) {
    for (; node != nullptr; node = cmark_node_parent(node)) {
      if (const int line = cmark_node_get_start_line(node); line > 0)
        return static_cast<std::uint32_t>(line);
    }
    return 0;
  }

  void heading(const std::string& text) {
    if (out_.title.empty())
      out_.title = trim(text);
    const auto anchor = heading_anchor(text);
    const auto count = seen_[anchor]++;
    out_.anchors.insert(count == 0 ? anchor : anchor + "-" + std::to_string(count));
  }

  void html(std::string_view literal, std::uint32_t line) {
    static const re2::RE2 attribute("(?i)\\b(href|src|id|name)\\s*=\\s*(?:\"([^\"]*)\"|'([^']*)')");
    re2::StringPiece rest(literal.data(), literal.size());
    std::string name;
    std::string twice;
    std::string once;
    while (re2::RE2::FindAndConsume(&rest, attribute, &name, &twice, &once)) {
      const auto& value = twice.empty() ? once : twice;
      const auto end = static_cast<std::size_t>(rest.data() - literal.data());
      const auto before = literal.substr(0, end - value.size() - 1);
      if (lower(name) == "href" || lower(name) == "src")
        out_.links.push_back(
            {value,
             line + static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n'))});
      else
        out_.anchors.insert(lower_text(value));
    }
  }

  std::unique_ptr<cmark_node, node_deleter> root_;
  markdown_document out_;
  std::map<std::string, std::size_t> seen_;
};

std::string one_line(std::string_view text) {
  std::string out = printable(text, 2000);
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return c < ' '; }, ' ');
  return out;
}

} // namespace

markdown_document parse_markdown(const std::string& text) {
  return markdown_reader(text).run();
}

std::string lower_text(std::string_view text) {
  struct locale_deleter {
    void operator()(locale_t x) const { ::freelocale(x); }
  };
  using locale_ptr = std::unique_ptr<std::remove_pointer_t<locale_t>, locale_deleter>;
  static const locale_ptr unicode{::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)};
  if (unicode == nullptr)
    return lower(text);
  const auto before = ::uselocale(unicode.get()); // Of this thread.
  std::string out;
  std::mbstate_t reading{};
  std::mbstate_t writing{};
  while (!text.empty()) {
    wchar_t letter = 0;
    auto size = std::mbrtowc(&letter, text.data(), text.size(), &reading);
    if (size == 0 || size > text.size()) { // NUL, or no UTF-8: the byte as it is.
      out += text.front();
      reading = {};
      size = 1;
    } else {
      std::array<char, MB_LEN_MAX> bytes{};
      const auto made =
          std::wcrtomb(bytes.data(), static_cast<wchar_t>(std::towlower(letter)), &writing);
      out.append(bytes.data(), made == static_cast<std::size_t>(-1) ? 0 : made);
    }
    text.remove_prefix(size);
  }
  ::uselocale(before);
  return out;
}

std::string heading_anchor(std::string_view text) {
  static const re2::RE2 no_word(R"([^\p{L}\p{M}\p{Nd}\p{Pc}\- ])"); // What Ruby calls \p{Word}.
  auto anchor = lower_text(trim(text));
  re2::RE2::GlobalReplace(&anchor, no_word, "");
  std::replace(anchor.begin(), anchor.end(), ' ', '-');
  return anchor;
}

std::string markdown_text(std::string_view plain) {
  std::string out;
  for (const char c : one_line(plain)) {
    if (std::string_view("\\`*_[]<>|#&~!").find(c) != std::string_view::npos)
      out += '\\';
    out += c;
  }
  return out;
}

std::string markdown_code(std::string_view plain) {
  auto text = one_line(plain);
  std::size_t longest = 0;
  std::size_t run = 0;
  std::string out;
  for (const char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
    out += c == '|' ? "\\|" : std::string(1, c); // a table would end its cell there
  }
  const std::string fence(longest + 1, '`');
  const bool pad = out.starts_with('`') || out.ends_with('`');
  return fence + (pad ? " " : "") + out + (pad ? " " : "") + fence;
}

std::string markdown_target(std::string_view path) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("/._-~#").find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    out += '%';
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

} // namespace aeo::consolidate
