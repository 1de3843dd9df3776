#include "tools/consolidate/line_engine.hpp"

#include "tools/consolidate/failure.hpp"

#include <algorithm>
#include <numeric>
#include <set>

namespace aeo::consolidate {

re2::RE2::Options line_engine::options() {
  re2::RE2::Options result;
  result.set_encoding(re2::RE2::Options::EncodingLatin1); // any byte is text
  result.set_log_errors(false);
  result.set_max_mem(64 << 20);
  return result;
}

line_engine::line_engine(const std::vector<pattern>& patterns) {
  if (patterns.empty())
    return;
  std::set<std::string> all;
  which_ = std::make_unique<re2::RE2::Set>(options(), re2::RE2::UNANCHORED);
  for (const auto& item : patterns) {
    for (const auto& keyword : item.keywords)
      all.insert(re2::RE2::QuoteMeta(keyword));
    expressions_.emplace_back(item.expression, item.continued);
    some_continued_ = some_continued_ || item.continued;
    std::string error;
    if (which_->Add(item.expression, &error) < 0)
      throw failure(exit_status::configuration,
                    "\"" + item.expression + "\" does not compile: " + error);
  }
  which_->Compile();
  std::string any;
  for (const auto& keyword : all)
    any += (any.empty() ? "(?i:" : "|") + keyword;
  keywords_ = std::make_unique<re2::RE2>(any + ")", options());
}

const re2::RE2& line_engine::expression(std::size_t index) const {
  auto& item = expressions_[index];
  std::call_once(item.once,
                 [&] { item.compiled = std::make_unique<re2::RE2>(item.text, options()); });
  return *item.compiled;
}

bool line_engine::begins_in(std::size_t index, std::string_view line,
                            std::string_view continued) const {
  re2::StringPiece match;
  return expression(index).Match({continued.data(), continued.size()}, 0, continued.size(),
                                 re2::RE2::UNANCHORED, &match, 1)
         && match.data() < line.data() + line.size();
}

void line_engine::search(
    std::string_view text,
    const std::function<void(std::size_t, std::string_view, std::size_t)>& visit) const {
  if (keywords_ == nullptr)
    return;
  const re2::StringPiece piece(text.data(), text.size());
  re2::StringPiece match;
  std::vector<int> present;
  for (std::size_t position = 0;
       position < text.size()
       && keywords_->Match(piece, position, text.size(), re2::RE2::UNANCHORED, &match, 1);) {
    const auto at = static_cast<std::size_t>(match.data() - text.data());
    const auto left = text.substr(at > reach ? at - reach : 0, std::min(at, reach));
    const auto newline = left.rfind('\n');
    const auto begin =
        at - (newline == std::string_view::npos ? left.size() : left.size() - newline - 1);
    const auto end = std::min(text.find('\n', at), std::min(text.size(), at + reach));
    const auto line = text.substr(begin, end - begin);
    const bool whole = end == text.size() || text[end] == '\n';
    const auto more = whole && some_continued_ ? continued_line(text, begin) : line;
    present.clear();
    re2::RE2::Set::ErrorInfo error{};
    if (!which_->Match({more.data(), more.size()}, &present, &error)
        && error.kind != re2::RE2::Set::kNoError) {
      present.resize(expressions_.size()); // out of memory for the set: ask each on its own
      std::iota(present.begin(), present.end(), 0);
    }
    std::sort(present.begin(), present.end());
    for (const int index : present) {
      const auto i = static_cast<std::size_t>(index);
      const auto seen = expressions_[i].continued ? more : line;
      if (more.size() == line.size() || begins_in(i, line, seen))
        visit(i, seen, begin);
    }
    position = std::max(end, at + 1);
  }
}

std::string_view continued_line(std::string_view text, std::size_t begin) {
  auto end = std::min(text.find('\n', begin), text.size());
  for (int more = 0; more < 4 && end < text.size(); ++more) {
    const auto line = text.substr(begin, end - begin);
    const auto last = line.find_last_not_of(" \t\r");
    if (last == std::string_view::npos
        || (line[last] != '(' && line[last] != '[' && line[last] != ','))
      break;
    end = std::min(text.find('\n', end + 1), text.size());
  }
  return text.substr(begin, end - begin);
}

int group_number(const re2::RE2& expression, const std::string& name) {
  const auto found = expression.NamedCapturingGroups().find(name);
  return found == expression.NamedCapturingGroups().end() ? -1 : found->second;
}

} // namespace aeo::consolidate
