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
    expressions_.emplace_back(item.expression);
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
    present.clear();
    re2::RE2::Set::ErrorInfo error{};
    if (!which_->Match({line.data(), line.size()}, &present, &error)
        && error.kind != re2::RE2::Set::kNoError) {
      present.resize(expressions_.size()); // out of memory for the set: ask each on its own
      std::iota(present.begin(), present.end(), 0);
    }
    std::sort(present.begin(), present.end());
    for (const int index : present)
      visit(static_cast<std::size_t>(index), line, begin);
    position = std::max(end, at + 1);
  }
}

int group_number(const re2::RE2& expression, const std::string& name) {
  const auto found = expression.NamedCapturingGroups().find(name);
  return found == expression.NamedCapturingGroups().end() ? -1 : found->second;
}

} // namespace aeo::consolidate
