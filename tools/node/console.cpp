#include "tools/node/console.hpp"

#include "actors/core/event_json.hpp"
#include "actors/io/host.hpp"
#include "tools/node/console_text.hpp"
#include "tools/node/output.hpp"
#include "tools/node/progress_model.hpp"

#include <spdlog/fmt/fmt.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

namespace aeo::node {

namespace {

constexpr std::int64_t summary_interval_us = 1'000'000;
constexpr std::size_t text_backlog = std::size_t{1} << 20;
constexpr std::size_t json_backlog = std::size_t{64} << 20;
constexpr std::chrono::milliseconds patience{3000};

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

bool says_utf8(std::string_view locale) {
  std::string low{locale};
  std::transform(low.begin(), low.end(), low.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return low.find("utf-8") != std::string::npos || low.find("utf8") != std::string::npos;
}

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (auto value = variable(name); !value.empty())
      return says_utf8(value);
  return false;
}

const char* color_code(tone t) {
  switch (t) {
  case tone::good:
    return "\x1b[32m";
  case tone::bad:
    return "\x1b[31m";
  case tone::attention:
    return "\x1b[33m";
  case tone::faint:
    return "\x1b[2m";
  default:
    return "";
  }
}

} // namespace

console_options console_options_for(int fd, bool as_json, bool quiet) {
  console_options result;
  result.fd = fd;
  auto term = variable("TERM");
  auto terminal = isatty(fd) == 1;
  auto capable = terminal && !term.empty() && term != "dumb";
  result.mode = as_json   ? console_mode::json
                : quiet   ? console_mode::quiet
                : capable ? console_mode::live
                          : console_mode::plain;
  result.color = capable && !as_json && variable("NO_COLOR").empty();
  // A pipe gets UTF-8 whatever the locale says: names in it are UTF-8 anyway.
  result.utf8 = !terminal || locale_is_utf8();
  result.size = [fd, terminal] {
    winsize size{};
    if (terminal && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0)
      return terminal_size{size.ws_col, size.ws_row};
    return terminal ? terminal_size{} : terminal_size{160, 50};
  };
  return result;
}

class console::impl {
public:
  impl(std::shared_ptr<const plan> p, console_options o)
      : options_(std::move(o)), model_(std::move(p), options_.expected),
        out_(options_.fd, options_.mode == console_mode::json ? json_backlog : text_backlog),
        large_(model_.counts().total > options_.summarise_above) {}

  void begin(const core::execution_state& state) { model_.begin(state); }

  void on_event(const event& e) {
    if (out_.mute())
      return;
    if (options_.mode == console_mode::json) {
      put_json(core::json_line(e, options_.mask));
      return;
    }
    model_.apply(e);
    changed_ = true;
    if (!wants_line(e))
      return;
    if (auto l = transition_line(model_, e, current_look()))
      put(*l);
  }

  void say(std::string_view text) {
    if (options_.mode != console_mode::json) {
      put({core::format_clock(io::now_us()) + "  " + core::plain_line(masked(text))});
      return;
    }
    put_json(json_message(io::now_us(), text, options_.mask));
  }

  void tick(std::int64_t now_us) {
    out_.flush();
    if (out_.mute())
      return;
    report_dropped();
    if (options_.mode == console_mode::live)
      draw(now_us);
    else if (options_.mode == console_mode::plain && large_)
      summarise(now_us);
  }

  void finish(core::report_input in, std::string_view report_file) {
    if (!in.mask)
      in.mask = options_.mask;
    if (options_.mode == console_mode::json) {
      out_.write(json_outcome(in, report_file));
    } else {
      std::string text = erase_sequence();
      drawn_.clear();
      auto only_problems = options_.mode == console_mode::quiet;
      for (const auto& l : final_lines(in, report_file, only_problems, current_look()))
        text += styled(l) + "\n";
      out_.write(text);
    }
    out_.drain(patience);
  }

  bool mute() const { return out_.mute(); }

private:
  std::string masked(std::string_view text) const {
    return options_.mask ? options_.mask(text) : std::string{text};
  }

  terminal_size size() const {
    auto s = options_.size ? options_.size() : terminal_size{};
    return {std::max<std::size_t>(s.columns, 20), std::max<std::size_t>(s.rows, 4)};
  }

  /// One column stays free: a full line would make some terminals wrap.
  look current_look() const {
    return {size().columns - 1, options_.utf8, options_.mask, options_.workspace};
  }

  bool wants_line(const event& e) const {
    if (e.kind == event_kind::task_started)
      return false;
    if (e.kind == event_kind::task_finished)
      // Rare; the rest is not parsed.
      return e.data.find("\"detail\"") != std::string::npos
             || e.data.find("\"leftovers\"") != std::string::npos;
    if (is_urgent(e.kind))
      return true;
    if (options_.mode == console_mode::quiet)
      return false;
    if (large_ && !e.phase.empty())
      return false;
    return options_.mode != console_mode::live || e.kind != event_kind::phase_started;
  }

  std::string styled(const line& l) const {
    if (!options_.color || l.color == tone::plain || l.text.empty())
      return l.text;
    return color_code(l.color) + l.text + "\x1b[0m";
  }

  /// A permanent line: the live part goes, the line stays, the next tick draws below it.
  void put(const line& l) {
    auto text = erase_sequence() + styled(l) + "\n";
    drawn_.clear();
    changed_ = true;
    out_.write(text);
  }

  void put_json(const std::string& text) {
    report_dropped();
    out_.write(text);
  }

  void report_dropped() {
    if (!out_.idle())
      return;
    auto n = out_.take_dropped();
    if (n == 0)
      return;
    if (options_.mode == console_mode::json)
      out_.write(fmt::format("{{\"event\":\"gap\",\"data\":{{\"dropped\":{}}}}}\n", n));
    else
      put({fmt::format("({} lines are missing here: they were not read fast enough)", n),
           tone::attention});
  }

  /// Rows that the live part takes now; lines wrapped since when the terminal became narrower.
  std::size_t drawn_rows() const {
    auto columns = size().columns;
    std::size_t rows = 0;
    for (auto width : drawn_)
      rows += width == 0 ? 1 : (width + columns - 1) / columns;
    return rows;
  }

  std::string erase_sequence() const {
    auto rows = drawn_rows();
    return rows == 0 ? std::string{} : fmt::format("\x1b[{}A\r\x1b[J", rows);
  }

  void draw(std::int64_t now_us) {
    // On a terminal that does not keep up old frames are of no use to anyone.
    if (!out_.idle())
      return;
    auto s = size();
    auto room = std::min(options_.max_lines, s.rows > 6 ? s.rows - 6 : std::size_t{1});
    auto lines = live_lines(model_, now_us, room, current_look());
    auto rows = drawn_rows();
    std::string text = rows == 0 ? std::string{} : fmt::format("\x1b[{}A\r", rows);
    drawn_.clear();
    for (const auto& l : lines) {
      text += styled(l) + "\x1b[K\n";
      drawn_.push_back(core::display_width(l.text));
    }
    text += "\x1b[J";
    if (text == frame_ && !changed_)
      return;
    out_.write(text);
    frame_ = std::move(text);
    changed_ = false;
  }

  void summarise(std::int64_t now_us) {
    if (!changed_ || now_us < next_summary_us_)
      return;
    next_summary_us_ = now_us + summary_interval_us;
    put(summary_line(model_, now_us));
    changed_ = false;
  }

  console_options options_;
  progress_model model_;
  output out_;
  bool large_;
  bool changed_ = true;
  std::int64_t next_summary_us_ = 0;
  std::vector<std::size_t> drawn_; ///< Widths of the live lines on the screen.
  std::string frame_;              ///< As drawn last.
};

console::console(std::shared_ptr<const plan> p, console_options o)
    : impl_(std::make_unique<impl>(std::move(p), std::move(o))) {}

console::~console() = default;

void console::begin(const core::execution_state& state) {
  impl_->begin(state);
}

void console::on_event(const event& e) {
  impl_->on_event(e);
}

void console::say(std::string_view text) {
  impl_->say(text);
}

void console::tick(std::int64_t now_us) {
  impl_->tick(now_us);
}

void console::finish(const core::report_input& in, std::string_view report_file) {
  impl_->finish(in, report_file);
}

bool console::is_mute() const {
  return impl_->mute();
}

} // namespace aeo::node
