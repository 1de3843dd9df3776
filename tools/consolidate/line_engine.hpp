#pragma once

#include <re2/re2.h>
#include <re2/set.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// Finds lines that match one of many expressions. One automaton looks for keywords; only lines
/// with one of them are given to the expressions. Bytes need not be text: a line without an end is
/// cut into pieces around the keywords. Safe to share between threads.
class line_engine {
public:
  struct pattern {
    std::vector<std::string> keywords; ///< literals, any case
    std::string expression;
    bool continued = false; ///< matched against the line with those that continue it
  };

  explicit line_engine(const std::vector<pattern>& patterns);

  /// Calls `visit(index, line, offset)` for each expression that matches somewhere in a line that
  /// starts at `offset`; a match of a continued one begins in that line. Lines come in order.
  void search(std::string_view text,
              const std::function<void(std::size_t, std::string_view, std::size_t)>& visit) const;

  /// Compiled at the first call: most rules are met by no line.
  const re2::RE2& expression(std::size_t index) const;

  /// A piece of a line without an end reaches so far to each side of a keyword.
  static constexpr std::size_t reach = 2048;

  static re2::RE2::Options options();

private:
  struct late_expression {
    late_expression(std::string from, bool over_lines)
        : text(std::move(from)), continued(over_lines) {}
    std::string text;
    bool continued; ///< as in `pattern`
    std::once_flag once;
    std::unique_ptr<re2::RE2> compiled;
  };

  bool begins_in(std::size_t index, std::string_view line, std::string_view continued) const;

  std::unique_ptr<re2::RE2> keywords_; ///< nullptr: nothing to look for
  mutable std::deque<late_expression> expressions_;
  bool some_continued_ = false;
  std::unique_ptr<re2::RE2::Set> which_;
};

/// The line that begins at byte `begin`, with up to four more while it ends with `(`, `[` or `,`.
std::string_view continued_line(std::string_view text, std::size_t begin);

/// Group `name` of a match by its number; -1 if the expression has none.
int group_number(const re2::RE2& expression, const std::string& name);

} // namespace aeo::consolidate
