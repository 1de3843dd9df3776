#include "actors/core/secret_forms.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <set>

namespace aeo::core {

namespace {

constexpr std::size_t shortest = 4;
constexpr std::size_t shortest_number = 6;
constexpr std::size_t longest = 64; ///< Of a form; longer ones become overlapping stretches.
constexpr std::size_t stride = 48;

bool is_digit(unsigned char c) {
  return std::isdigit(c) != 0;
}

bool is_worth_masking(std::string_view line) {
  constexpr std::array<std::string_view, 14> words = {
      "true",  "false", "null",    "none",     "auto",     "default",  "undefined",
      "unset", "empty", "enabled", "disabled", "required", "optional", "example"};
  std::string lower;
  for (unsigned char c : line)
    lower += static_cast<char>(std::tolower(c));
  if (line.size() < shortest || std::find(words.begin(), words.end(), lower) != words.end())
    return false;
  if (line.size() < shortest_number && std::all_of(line.begin(), line.end(), is_digit))
    return false;
  const bool repeated = line.find_first_not_of(line[0]) == std::string_view::npos;
  if (repeated && !std::isalnum(static_cast<unsigned char>(line[0])))
    return false;
  return !line.starts_with("-----BEGIN ") && !line.starts_with("-----END ");
}

std::string hex(std::string_view text, std::string_view digits) {
  std::string out;
  for (unsigned char c : text) {
    out += digits[c >> 4];
    out += digits[c & 15];
  }
  return out;
}

/// The characters of the base64 of any text with `secret` after a multiple of three bytes and
/// `offset` more, that depend on nothing but the secret.
std::string base64(std::string_view secret, std::size_t offset, std::string_view alphabet) {
  const auto first = (8 * offset + 5) / 6;
  const auto last = 8 * (offset + secret.size()) / 6;
  auto bit = [&](std::size_t i) {
    const auto byte = static_cast<unsigned char>(secret[i / 8 - offset]);
    return (byte >> (7 - i % 8)) & 1;
  };
  std::string out;
  for (auto c = first; c < last; ++c) {
    unsigned int value = 0;
    for (std::size_t i = 6 * c; i < 6 * c + 6; ++i)
      value = 2 * value + static_cast<unsigned int>(bit(i));
    out += alphabet[value];
  }
  return out;
}

std::string url_encoded(std::string_view text, std::string_view kept, bool plus,
                        std::string_view digits) {
  std::string out;
  for (char c : text)
    if (std::isalnum(static_cast<unsigned char>(c)) || kept.find(c) != std::string_view::npos)
      out += c;
    else if (plus && c == ' ')
      out += '+';
    else
      out += "%" + hex({&c, 1}, digits);
  return out;
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

/// The inside of a JSON string.
std::string json_escaped(std::string_view text, bool ascii) {
  auto quoted = nlohmann::json(text).dump(-1, ' ', ascii, nlohmann::json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

/// "\u00e9" -> "\u00E9".
std::string upper_escapes(std::string text) {
  for (auto at = text.find("\\u"); at != std::string::npos; at = text.find("\\u", at + 2))
    for (auto i = at + 2; i < std::min(at + 6, text.size()); ++i)
      text[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[i])));
  return text;
}

class collector {
public:
  void add(std::string_view form, bool wraps = false) {
    for (std::size_t at = 0;; at += stride) {
      const bool rest = form.size() - at <= longest;
      // The last stretch is a full one too: no short piece of a secret is looked for.
      auto from = rest && form.size() > longest ? form.size() - longest : at;
      add_stretch(form.substr(from, longest), wraps);
      if (rest)
        return;
    }
  }

  std::vector<secret_form> take() { return std::move(forms_); }

private:
  void add_stretch(std::string_view text, bool wraps) {
    if (text.size() >= shortest && seen_.emplace(text, wraps).second)
      forms_.push_back({std::string{text}, wraps});
  }

  std::vector<secret_form> forms_;
  std::set<std::pair<std::string, bool>> seen_;
};

void add_base64_and_hex(collector& c, std::string_view line) {
  static const std::string letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  for (std::size_t offset = 0; offset < 3; ++offset)
    for (auto last_two : {"+/", "-_"})
      c.add(base64(line, offset, letters + last_two), true);
  c.add(hex(line, "0123456789abcdef"), true);
  c.add(hex(line, "0123456789ABCDEF"), true);
}

void add_url(collector& c, std::string_view line) {
  // RFC 3986; that but '/'; encodeURIComponent; HTML forms; encodeURI.
  constexpr std::array<std::string_view, 5> kept = {"-._~", "-._~/", "-._~!*'()", "-._*",
                                                    "-._~!*'();,/?:@&=+$#"};
  for (std::string_view digits : {"0123456789ABCDEF", "0123456789abcdef"})
    for (auto set : kept)
      for (bool plus : {false, true})
        c.add(url_encoded(line, set, plus, digits));
  for (std::string_view digits : {"0123456789ABCDEF", "0123456789abcdef"}) {
    std::string every;
    for (char byte : line)
      every += "%" + hex({&byte, 1}, digits);
    c.add(every);
  }
}

void add_json(collector& c, std::string_view line) {
  for (bool ascii : {false, true}) {
    auto once = json_escaped(line, ascii);
    auto slashes = once;
    replace_all(slashes, "/", "\\/");
    auto html = once; // As Go does.
    replace_all(html, "&", "\\u0026");
    replace_all(html, "<", "\\u003c");
    replace_all(html, ">", "\\u003e");
    for (const auto& form : {once, slashes, html}) {
      c.add(form);
      c.add(upper_escapes(form));
      c.add(json_escaped(form, ascii));
    }
  }
}

} // namespace

std::vector<secret_form> secret_forms(std::string_view value) {
  constexpr std::string_view space = " \t\r\n\v\f";
  collector c;
  while (!value.empty()) {
    auto line = value.substr(0, value.find_first_of("\r\n"));
    value.remove_prefix(std::min(value.size(), line.size() + 1));
    line.remove_prefix(std::min(line.size(), line.find_first_not_of(space)));
    line = line.substr(0, line.find_last_not_of(space) + 1);
    if (!is_worth_masking(line))
      continue;
    c.add(line);
    add_base64_and_hex(c, line);
    add_url(c, line);
    add_json(c, line);
  }
  return c.take();
}

} // namespace aeo::core
