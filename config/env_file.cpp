#include "config/env_file.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace aeo::config {

namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// The grammar of the header, rule by rule.
class env_parser {
public:
  explicit env_parser(std::string_view text) : text_(text) {
    // Windows editors like it, and no line can start with it otherwise.
    if (text_.substr(0, 3) == "\xef\xbb\xbf")
      pos_ = 3;
  }

  env_file parse() {
    while (pos_ < text_.size())
      line();
    return std::move(result_);
  }

private:
  bool done() const { return pos_ >= text_.size() || text_[pos_] == '\n'; }
  char front() const { return text_[pos_]; }

  void skip_blanks() {
    while (!done() && (is_blank(front()) || front() == '\r'))
      ++pos_;
  }

  void skip_line() {
    while (!done())
      ++pos_;
    if (pos_ < text_.size())
      ++pos_;
    ++line_;
  }

  void fail(std::size_t line, std::string what) {
    result_.problems.push_back({line, std::move(what)});
  }

  void line() {
    skip_blanks();
    if (done() || front() == '#')
      return skip_line();
    auto begin = line_;
    auto name = key();
    if (!name)
      return skip_line();
    std::string value;
    bool good =
        !done() && (front() == '"' || front() == '\'') ? quoted_value(value) : plain_value(value);
    if (good && value.find('\0') != std::string::npos) {
      fail(begin, "the value of " + *name + " contains a NUL character");
      good = false;
    }
    if (good)
      set(std::move(*name), std::move(value));
    skip_line();
  }

  /// Reads KEY= and the blanks around it.
  std::optional<std::string> key() {
    if (text_.substr(pos_, 6) == "export" && pos_ + 6 < text_.size() && is_blank(text_[pos_ + 6])) {
      pos_ += 7;
      skip_blanks();
    }
    auto begin = pos_;
    while (!done() && is_name_char(front()))
      ++pos_;
    std::string name{text_.substr(begin, pos_ - begin)};
    skip_blanks();
    if (done() || front() != '=') {
      fail(line_, "expected KEY=value");
      return std::nullopt;
    }
    if (name.empty() || (name.front() >= '0' && name.front() <= '9')) {
      fail(line_, "expected a name of A-Z a-z 0-9 _ that does not start with a digit before '='");
      return std::nullopt;
    }
    ++pos_;
    while (!done() && is_blank(front()))
      ++pos_;
    return name;
  }

  bool plain_value(std::string& out) {
    while (!done()) {
      if (front() == '#' && (out.empty() || is_blank(out.back())))
        break;
      out += front();
      ++pos_;
    }
    while (!out.empty() && (is_blank(out.back()) || out.back() == '\r'))
      out.pop_back();
    return true;
  }

  bool quoted_value(std::string& out) {
    char quote = front();
    auto start = pos_;
    auto first_line = line_;
    for (++pos_; pos_ < text_.size() && front() != quote; ++pos_) {
      char c = front();
      if (c == '\n')
        ++line_;
      if (c == '\r' && text_.substr(pos_, 2) == "\r\n")
        continue;
      out += quote == '"' && c == '\\' ? escape() : c;
    }
    if (pos_ >= text_.size()) {
      // Only this line is lost: the quote may be a slip in the middle of a good file.
      pos_ = start;
      line_ = first_line;
      fail(line_, std::string{"the closing "} + quote + " is missing");
      return false;
    }
    ++pos_;
    skip_blanks();
    if (done() || front() == '#')
      return true;
    fail(line_, "unexpected text after the closing quote");
    return false;
  }

  /// An unknown escape stays as it is, as in a shell.
  char escape() {
    static constexpr std::string_view from = "nrt\"\\$";
    static constexpr std::string_view to = "\n\r\t\"\\$";
    auto known = pos_ + 1 < text_.size() ? from.find(text_[pos_ + 1]) : std::string_view::npos;
    if (known == std::string_view::npos)
      return '\\';
    ++pos_;
    return to[known];
  }

  void set(std::string name, std::string value) {
    for (auto& [key, old] : result_.variables)
      if (key == name) {
        old = std::move(value);
        return;
      }
    result_.variables.emplace_back(std::move(name), std::move(value));
  }

  std::string_view text_;
  std::size_t pos_ = 0;
  std::size_t line_ = 1;
  env_file result_;
};

} // namespace

env_file parse_env(std::string_view text) {
  return env_parser{text}.parse();
}

bool is_secret_name(std::string_view name) {
  static constexpr std::array<std::string_view, 4> words = {"TOKEN", "SECRET", "PASSWORD", "KEY"};
  auto same = [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 'a' + 'A' : a) == b; };
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return std::search(name.begin(), name.end(), word.begin(), word.end(), same) != name.end();
  });
}

} // namespace aeo::config
