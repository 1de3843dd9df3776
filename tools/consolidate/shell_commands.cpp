#include "tools/consolidate/shell_commands.hpp"

#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <set>

namespace aeo::consolidate {

namespace {

class command_reader {
public:
  explicit command_reader(std::string_view script) : text_(script) {}

  std::vector<shell_command> run() {
    while (at_ < text_.size())
      step(text_[at_]);
    end_command();
    return std::move(commands_);
  }

private:
  void step(char c) {
    if (c == '\'' || c == '"') {
      quoted(c);
    } else if (c == '\\') {
      escaped();
    } else if (c == '#' && !inside_) {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (c == '\n' || c == ';' || c == '|' || c == '(' || c == ')' || is_operator(c)) {
      if (c == '(' && word_.ends_with('$'))
        add(c); // a substitution: `only_print` asks for it
      else
        end_command();
      ++at_;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      end_word();
      ++at_;
    } else {
      add(c);
      ++at_;
    }
  }

  /// `&` and `&&`, but not that of `2>&1` and `&>file`.
  bool is_operator(char c) const {
    return c == '&' && !word_.ends_with('>') && text_.substr(at_ + 1, 1) != ">";
  }

  void add(char c) {
    word_ += c;
    inside_ = true;
  }

  void quoted(char quote) {
    inside_ = true;
    for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
      const auto next = text_.substr(at_ + 1, 1);
      if (quote == '"' && text_[at_] == '\\' && (next == "\"" || next == "\\" || next == "$"))
        ++at_;
      word_ += text_[at_];
    }
    ++at_;
  }

  void escaped() {
    const auto next = text_.substr(at_ + 1, 1);
    if (next != "\n" && !next.empty())
      add(next.front());
    at_ += 2;
  }

  void end_word() {
    static const re2::RE2 redirection(R"(\d*(?:>>?|<|>&|&>)(.*))");
    static const re2::RE2 setting(R"((?s)\w+=.*)");
    static const std::set<std::string_view> keywords{"if",    "then", "else", "elif", "fi", "for",
                                                     "while", "do",   "done", "{",    "}",  "!"};
    if (!inside_)
      return;
    std::string target;
    const bool first = command_.empty();
    if (re2::RE2::FullMatch(word_, redirection, &target))
      skip_ = target.empty();
    else if (skip_)
      skip_ = false;
    else if (!first || !(keywords.contains(word_) || re2::RE2::FullMatch(word_, setting)))
      command_.push_back(word_);
    word_.clear();
    inside_ = false;
  }

  void end_command() {
    end_word();
    skip_ = false;
    if (!command_.empty())
      commands_.push_back(std::move(command_));
    command_.clear();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string word_;
  bool inside_ = false; ///< in a word, which may be empty: ''
  bool skip_ = false;   ///< the next word is where a redirection goes
  shell_command command_;
  std::vector<shell_command> commands_;
};

bool prints(const shell_command& command) {
  return command.front() == "echo" || command.front() == "printf";
}

/// The lines that `echo` or `printf` writes, as far as they are written in the command.
void add_printed(const shell_command& command, std::set<std::string>& lines) {
  std::string text;
  for (std::size_t i = 1; i < command.size(); ++i) {
    if (text.empty() && (command[i] == "-e" || command[i] == "-n" || command[i] == "-en"))
      continue;
    text += (text.empty() ? "" : " ") + command[i];
  }
  re2::RE2::GlobalReplace(&text, R"(\\n)", "\n");
  for (const auto line : split(text, '\n')) {
    if (!trim(line).empty())
      lines.emplace(trim(line));
  }
}

} // namespace

std::vector<shell_command> shell_commands(std::string_view script) {
  return command_reader(script).run();
}

bool only_print(const std::vector<shell_command>& commands) {
  static const std::set<std::string_view> harmless{
      "echo", "printf", "true", "false", ":",  "exit", "cat", "sleep", "cd",    "export", "set",
      "test", "[",      "[[",   "pwd",   "ls", "date", "rm",  "mkdir", "touch", "return"};
  return std::ranges::all_of(commands, [](const shell_command& command) {
    return harmless.contains(command.front())
           && std::ranges::none_of(command, [](const std::string& word) {
                return word.find("$(") != std::string::npos || word.find('`') != std::string::npos;
              });
  });
}

std::string without_printed(std::string_view output, const std::vector<shell_command>& commands) {
  std::set<std::string> printed;
  for (const auto& command : commands) {
    if (prints(command))
      add_printed(command, printed);
  }
  if (printed.empty())
    return std::string(output);
  std::string rest;
  for (const auto line : split(output, '\n')) {
    if (!printed.contains(std::string(trim(line))))
      rest.append(line).append("\n");
  }
  return rest;
}

} // namespace aeo::consolidate
