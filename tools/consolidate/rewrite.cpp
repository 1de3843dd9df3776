#include "tools/consolidate/rewrite.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace aeo::consolidate {

namespace {

constexpr std::size_t buffer_bytes = 1U << 18;

class reader {
public:
  explicit reader(int fd) : fd_(fd) {}

  /// False at the end. The line comes without its line feed.
  bool line(std::string& out) {
    while (true) {
      const auto end = buffer_.find('\n', begin_ + scanned_);
      if (end != std::string::npos) {
        out.assign(buffer_, begin_, end - begin_);
        begin_ = end + 1;
        scanned_ = 0;
        return true;
      }
      scanned_ = buffer_.size() - begin_;
      if (!more()) {
        if (scanned_ > 0)
          throw failure(exit_status::bad_data, "git fast-export ended in the middle of a line");
        return false;
      }
    }
  }

  void bytes(std::size_t count, std::string& out) {
    while (buffer_.size() - begin_ < count) {
      if (!more())
        throw failure(exit_status::bad_data, "git fast-export ended in the middle of its data");
    }
    out.append(buffer_, begin_, count);
    begin_ += count;
    scanned_ = 0;
  }

private:
  bool more() {
    buffer_.erase(0, begin_);
    begin_ = 0;
    const auto have = buffer_.size();
    buffer_.resize(have + buffer_bytes);
    ssize_t n = 0;
    while ((n = ::read(fd_, buffer_.data() + have, buffer_bytes)) < 0 && errno == EINTR) {
    }
    buffer_.resize(have + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    return n > 0;
  }

  int fd_;
  std::string buffer_;
  std::size_t begin_ = 0;
  std::size_t scanned_ = 0;
};

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix))
    return false;
  text.remove_prefix(prefix.size());
  return true;
}

} // namespace

void write_fully(int out, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::write(out, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      throw failure(exit_status::try_again,
                    std::string("git stopped reading what it was given: ") + std::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void copy_stream(int in, int out) {
  std::string buffer(buffer_bytes, '\0');
  while (true) {
    const auto n = ::read(in, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return;
    write_fully(out, {buffer.data(), static_cast<std::size_t>(n)});
  }
}

std::string unquote_path(std::string_view text) {
  if (text.size() < 2 || text[0] != '"' || text.back() != '"')
    return std::string(text);
  text = text.substr(1, text.size() - 2);
  constexpr std::string_view letters = "abtnvfr";
  constexpr std::string_view values = "\a\b\t\n\v\f\r";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    if (c >= '0' && c <= '3' && i + 2 < text.size()) {
      out += static_cast<char>((c - '0') * 64 + (text[i + 1] - '0') * 8 + (text[i + 2] - '0'));
      i += 2;
    } else {
      const auto at = letters.find(c);
      out += at == std::string_view::npos ? c : values[at];
    }
  }
  return out;
}

std::string quote_path(std::string_view raw) {
  if (!raw.starts_with('"') && raw.find('\n') == std::string_view::npos)
    return std::string(raw);
  std::string out = "\"";
  for (const char c : raw) {
    if (c == '\n')
      out += "\\n";
    else if (c == '"' || c == '\\')
      out += std::string("\\") + c;
    else
      out += c;
  }
  return out + '"';
}

std::string repaired_identity(std::string_view text, bool& repaired) {
  const auto open = text.find_first_of("<>");
  const auto close = open == std::string_view::npos ? open : text.find_first_of("<>", open + 1);
  const auto rest = close == std::string_view::npos ? std::string_view{} : text.substr(close + 1);
  const bool fine = close != std::string_view::npos && text[open] == '<' && text[close] == '>'
                    && (open == 0 || text[open - 1] == ' ') && rest.size() > 2 && rest[0] == ' '
                    && (std::isdigit(static_cast<unsigned char>(rest[1])) != 0 || rest[1] == '-')
                    && rest.find(' ', 1) != std::string_view::npos;
  if (fine)
    return std::string(text);
  repaired = true;
  // Keep what can be read: the words in front, a mail address, seconds and zone at the end.
  const auto last = text.find_last_of("<>");
  const auto tail =
      trim(last == std::string_view::npos ? std::string_view{} : text.substr(last + 1));
  const auto space = tail.find(' ');
  std::int64_t seconds = 0;
  std::from_chars(tail.data(), tail.data() + std::min(space, tail.size()), seconds);
  std::string zone(space == std::string_view::npos ? "" : trim(tail.substr(space)));
  if (zone.size() != 5 || (zone[0] != '+' && zone[0] != '-'))
    zone = "+0000";
  const auto words = [](std::string_view part) {
    std::string out(trim(part));
    std::erase_if(out, [](char c) { return c == '<' || c == '>'; });
    return std::string(trim(out));
  };
  const auto first = std::min(open, text.size());
  const auto mail = last == std::string_view::npos || last <= first
                        ? std::string{}
                        : words(text.substr(first, last - first));
  const auto name = words(text.substr(0, first));
  return name + (name.empty() ? "<" : " <") + mail + "> " + std::to_string(seconds) + " " + zone;
}

void stream_rewriter::line(std::string_view text, std::string& out) {
  auto rest = text;
  if (take(rest, "commit ")) {
    in_commit_ = true;
    mark_ = 0;
    out += "commit " + map_ref(rest);
  } else if (take(rest, "reset ")) {
    in_commit_ = false;
    out += "reset " + map_ref(rest);
  } else if (take(rest, "tag ")) {
    in_commit_ = false;
    out += "tag " + map_tag(rest);
  } else if (take(rest, "mark :")) {
    std::from_chars(rest.data(), rest.data() + rest.size(), mark_);
    out += text;
  } else if (take(rest, "original-oid ")) {
    if (in_commit_)
      commits_.push_back({mark_, std::string(rest)});
    out += text;
  } else if (take(rest, "author ") || take(rest, "committer ") || take(rest, "tagger ")) {
    bool changed = false;
    out += text.substr(0, text.size() - rest.size());
    out += repaired_identity(rest, changed);
    repaired_ += changed ? 1 : 0;
  } else if (take(rest, "M ")) {
    const auto mode_end = rest.find(' ');
    const auto id_end = rest.find(' ', mode_end + 1);
    out += text.substr(0, 2 + id_end + 1);
    out += quote_path(map_path(unquote_path(rest.substr(id_end + 1))));
  } else if (take(rest, "D ")) {
    out += "D " + quote_path(map_path(unquote_path(rest)));
  } else {
    out += text;
  }
  out += '\n';
}

void stream_rewriter::run(int in, int out) {
  reader from(in);
  std::string text;
  std::string pending;
  while (from.line(text)) {
    line(text, pending);
    if (text.starts_with("data ")) {
      std::size_t count = 0;
      std::from_chars(text.data() + 5, text.data() + text.size(), count);
      from.bytes(count, pending);
    }
    if (pending.size() >= buffer_bytes) {
      write_fully(out, pending);
      pending.clear();
    }
  }
  write_fully(out, pending);
}

} // namespace aeo::consolidate
