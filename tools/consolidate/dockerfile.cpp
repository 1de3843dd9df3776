#include "tools/consolidate/dockerfile.hpp"

#include "tools/consolidate/docker_rules.hpp"
#include "tools/consolidate/paths.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <map>

namespace aeo::consolidate {

namespace {

constexpr std::array<std::string_view, 18> docker_keywords{
    "ADD",    "ARG",   "CMD",         "COPY",  "ENTRYPOINT", "ENV",
    "EXPOSE", "FROM",  "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD",
    "RUN",    "SHELL", "STOPSIGNAL",  "USER",  "VOLUME",     "WORKDIR"};

/// The words that announce heredocs in a line: `<<EOF`, `<<-"EOF"`. Not `<<<`, not inside quotes.
struct heredoc_mark {
  std::string word;
  bool strip_tabs = false;
};

std::vector<heredoc_mark> heredoc_marks(std::string_view line) {
  std::vector<heredoc_mark> marks;
  char quote = '\0';
  for (std::size_t i = 0; i + 2 < line.size(); ++i) {
    const char c = line[i];
    if (quote != '\0' || c == '"' || c == '\'') {
      quote = quote == '\0' ? c : quote == c ? '\0' : quote;
      continue;
    }
    if (c != '<' || line[i + 1] != '<' || (i > 0 && line[i - 1] == '<'))
      continue;
    auto at = i + 2;
    heredoc_mark mark;
    mark.strip_tabs = line[at] == '-';
    at += mark.strip_tabs ? 1 : 0;
    const char open = at < line.size() && (line[at] == '"' || line[at] == '\'') ? line[at] : '\0';
    at += open != '\0' ? 1 : 0;
    auto end = at;
    while (end < line.size()
           && (std::isalnum(static_cast<unsigned char>(line[end])) != 0 || line[end] == '_'
               || line[end] == '.'))
      ++end;
    mark.word = line.substr(at, end - at);
    const bool closed = open == '\0' || (end < line.size() && line[end] == open);
    if (!mark.word.empty() && closed && std::isdigit(static_cast<unsigned char>(mark.word[0])) == 0)
      marks.push_back(std::move(mark));
    i = end;
  }
  return marks;
}

class docker_reader {
public:
  explicit docker_reader(std::string_view text) : lines_(split(text, '\n')) {
    for (auto& line : lines_) {
      if (line.ends_with('\r'))
        line.remove_suffix(1);
    }
    if (!lines_.empty() && lines_[0].starts_with("\xEF\xBB\xBF"))
      lines_[0].remove_prefix(3);
  }

  dockerfile run() {
    read_directives();
    while (at_ < lines_.size()) {
      const auto line = trim(lines_[at_]);
      if (line.empty() || line.starts_with('#'))
        ++at_;
      else
        read_instruction();
    }
    if (out_.stages.empty())
      problem(1, "has no FROM instruction, expected a base image");
    return std::move(out_);
  }

private:
  void problem(std::size_t line, const std::string& message) {
    out_.problems.push_back({static_cast<std::uint32_t>(line), message});
  }

  void read_directives() {
    for (; at_ < lines_.size(); ++at_) {
      auto line = trim(lines_[at_]);
      if (!line.starts_with('#'))
        return;
      line = trim(line.substr(1));
      const auto equals = line.find('=');
      const auto name = lower(trim(line.substr(0, equals)));
      if (equals == std::string_view::npos
          || (name != "escape" && name != "syntax" && name != "check"))
        return;
      const auto value = trim(line.substr(equals + 1));
      if (name == "escape" && value != "\\" && value != "`")
        problem(at_ + 1, "escape directive is " + printable(value, 20) + ", expected \\ or `");
      else if (name == "escape")
        out_.escape = value[0];
    }
  }

  /// Cuts the escape character (and blanks after it) off the end; true if it was there.
  bool continues(std::string_view& line) const {
    auto end = line;
    while (!end.empty() && (end.back() == ' ' || end.back() == '\t'))
      end.remove_suffix(1);
    if (end.empty() || end.back() != out_.escape)
      return false;
    end.remove_suffix(1);
    line = end;
    return true;
  }

  std::string join_lines() {
    std::string text;
    bool more = true;
    while (more && at_ < lines_.size()) {
      auto line = lines_[at_++];
      const auto bare = trim(line);
      if (!text.empty() && (bare.empty() || bare.starts_with('#')))
        continue; // does not end what the line before continues
      more = continues(line);
      text += line;
    }
    return text;
  }

  void read_heredocs(docker_instruction& item) {
    for (const auto& mark : heredoc_marks(item.arguments)) {
      std::string body;
      bool closed = false;
      while (!closed && at_ < lines_.size()) {
        auto line = lines_[at_++];
        while (mark.strip_tabs && line.starts_with('\t'))
          line.remove_prefix(1);
        closed = line == mark.word;
        if (!closed)
          body.append(line).append("\n");
      }
      if (!closed)
        problem(item.line,
                "heredoc " + mark.word + " does not end, expected a line that is " + mark.word);
      item.heredocs.push_back(std::move(body));
    }
  }

  void read_instruction() {
    docker_instruction item;
    item.line = static_cast<std::uint32_t>(at_ + 1);
    auto text = join_lines();
    text.erase(0, text.find_first_not_of(" \t"));
    const auto blank = text.find_first_of(" \t");
    const auto word = text.substr(0, blank);
    item.keyword = upper(word);
    item.arguments = blank == std::string::npos ? "" : std::string(trim(text.substr(blank)));
    if (std::find(docker_keywords.begin(), docker_keywords.end(), item.keyword)
        == docker_keywords.end()) {
      problem(item.line, "unknown instruction " + printable(word, 60)
                             + ", expected one like FROM, RUN or COPY");
      return;
    }
    take_flags(item);
    if (item.keyword == "RUN" || item.keyword == "COPY" || item.keyword == "ADD")
      read_heredocs(item);
    read_exec(item);
    for (const auto& what : docker_mistakes(item))
      problem(item.line, item.keyword + " " + what);
    place(std::move(item));
  }

  static void take_flags(docker_instruction& item) {
    const bool has_flags = item.keyword == "FROM" || item.keyword == "RUN" || item.keyword == "COPY"
                           || item.keyword == "ADD" || item.keyword == "HEALTHCHECK";
    while (has_flags && item.arguments.starts_with("--")) {
      const auto end = item.arguments.find_first_of(" \t");
      item.flags.push_back(item.arguments.substr(0, end));
      item.arguments = end == std::string::npos ? "" : trim(item.arguments.substr(end));
    }
  }

  static void read_exec(docker_instruction& item) {
    auto text = item.arguments;
    if (item.keyword == "HEALTHCHECK" && upper(text.substr(0, 3)) == "CMD")
      text = trim(std::string_view(text).substr(3));
    if (!text.starts_with('['))
      return;
    const auto parsed = nlohmann::json::parse(text, nullptr, false);
    if (!parsed.is_array())
      return; // Docker takes it for the shell form too
    std::vector<std::string> words;
    for (const auto& word : parsed) {
      if (!word.is_string())
        return;
      words.push_back(word.get<std::string>());
    }
    item.exec = std::move(words);
  }

  void place(docker_instruction item) {
    if (item.keyword == "FROM") {
      begin_stage(item);
    } else if (!out_.stages.empty()) {
      check_origin(item);
      out_.stages.back().instructions.push_back(std::move(item));
    } else if (item.keyword == "ARG") {
      const auto equals = item.arguments.find('=');
      if (equals != std::string::npos)
        arguments_[item.arguments.substr(0, equals)] =
            unquoted(std::string_view(item.arguments).substr(equals + 1));
      out_.before.push_back(std::move(item));
    } else {
      problem(item.line, item.keyword + " stands before the first FROM, expected only ARG there");
    }
  }

  static std::string unquoted(std::string_view text) {
    if (text.size() >= 2 && (text[0] == '"' || text[0] == '\'') && text.back() == text[0])
      text = text.substr(1, text.size() - 2);
    return std::string(text);
  }

  void begin_stage(const docker_instruction& item) {
    docker_stage stage;
    stage.line = item.line;
    std::vector<std::string_view> words;
    for (const auto word : split(item.arguments, ' ')) {
      if (!trim(word).empty())
        words.push_back(trim(word));
    }
    stage.image = words.empty() ? "" : std::string(words[0]);
    if (words.size() == 3)
      stage.name = lower(words[2]);
    resolve(stage);
    for (std::size_t i = 0; i < out_.stages.size(); ++i) {
      if (!out_.stages[i].name.empty() && out_.stages[i].name == lower(stage.resolved))
        stage.parent = i;
      if (!stage.name.empty() && out_.stages[i].name == stage.name)
        problem(item.line, "FROM uses the name " + stage.name + " a second time");
    }
    out_.stages.push_back(std::move(stage));
  }

  /// `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME-default}`.
  void resolve(docker_stage& stage) const {
    const std::string_view text = stage.image;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '$') {
        stage.resolved += text[i];
        continue;
      }
      const bool braces = i + 1 < text.size() && text[i + 1] == '{';
      const auto from = i + (braces ? 2 : 1);
      auto end = from;
      while (end < text.size()
             && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_'))
        ++end;
      const auto close = braces ? std::min(text.find('}', end), text.size()) : end;
      auto fallback = text.substr(end, close - end);
      const auto found = arguments_.find(text.substr(from, end - from));
      if (found != arguments_.end() && !found->second.empty())
        stage.resolved += found->second;
      else if (const auto dash = fallback.find('-'); braces && dash != std::string_view::npos)
        stage.resolved += fallback.substr(dash + 1);
      else
        stage.unresolved = true;
      i = braces ? close : end - 1;
    }
  }

  /// COPY --from=N must name a stage that is there already.
  void check_origin(const docker_instruction& item) {
    for (const auto& flag : item.flags) {
      if (item.keyword != "COPY" || !flag.starts_with("--from="))
        continue;
      const auto value = flag.substr(7);
      std::size_t number = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      const bool is_number = error == std::errc() && end == value.data() + value.size();
      if (is_number && number + 1 >= out_.stages.size())
        problem(item.line, "COPY " + flag + " names a stage that is not before it");
      if (!out_.stages.back().name.empty() && lower(value) == out_.stages.back().name)
        problem(item.line, "COPY " + flag + " copies a stage into itself");
    }
  }

  std::vector<std::string_view> lines_;
  std::size_t at_ = 0;
  std::map<std::string, std::string, std::less<>> arguments_;
  dockerfile out_;
};

} // namespace

dockerfile parse_docker(std::string_view text) {
  return docker_reader(text).run();
}

const docker_instruction* dockerfile::in_force(std::string_view keyword) const {
  if (stages.empty())
    return nullptr;
  for (std::optional<std::size_t> at = stages.size() - 1; at; at = stages[*at].parent) {
    const auto& list = stages[*at].instructions;
    const auto found = std::find_if(list.rbegin(), list.rend(),
                                    [&](const auto& item) { return item.keyword == keyword; });
    if (found != list.rend())
      return &*found;
  }
  return nullptr;
}

std::vector<std::uint16_t> dockerfile::ports() const {
  std::vector<std::uint16_t> result;
  if (stages.empty())
    return result;
  for (std::optional<std::size_t> at = stages.size() - 1; at; at = stages[*at].parent) {
    for (const auto& item : stages[*at].instructions) {
      if (item.keyword != "EXPOSE")
        continue;
      for (const auto word : split(item.arguments, ' ')) {
        unsigned port = 0;
        const auto text = trim(word);
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
        const bool udp = std::string_view(end, text.data() + text.size()) == "/udp";
        if (error == std::errc() && port > 0 && port < 65536 && !udp)
          result.push_back(static_cast<std::uint16_t>(port));
      }
    }
  }
  return result;
}

} // namespace aeo::consolidate
