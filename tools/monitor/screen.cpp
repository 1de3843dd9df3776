// Functions instead of macros named `move`, `clear` or `timeout`. Constants such as ERR stay: this
// file is the only one that may see them.
#define NCURSES_NOMACROS 1
#define NCURSES_WIDECHAR 1

#include "tools/monitor/screen.hpp"

#include <langinfo.h>
#include <ncurses.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace aeo::monitor {

namespace {

constexpr int escape_wait_ms = 25; // Between Esc and the rest of an arrow key's sequence.

enum color_pair : short { no_pair, good_pair, active_pair, attention_pair, bad_pair };

attr_t attributes_of(tone t) {
  switch (t) {
  case tone::strong:
  case tone::bad:
    return A_BOLD;
  case tone::faint:
    return A_DIM;
  default:
    return A_NORMAL;
  }
}

short pair_of(tone t) {
  switch (t) {
  case tone::good:
    return good_pair;
  case tone::active:
    return active_pair;
  case tone::attention:
    return attention_pair;
  case tone::bad:
    return bad_pair;
  default:
    return no_pair;
  }
}

bool start_colors() {
  if (!::has_colors() || ::start_color() == ERR)
    return false;
  // Without default colours: white on black.
  short background = ::use_default_colors() == OK ? -1 : COLOR_BLACK;
  ::init_pair(good_pair, COLOR_GREEN, background);
  ::init_pair(active_pair, COLOR_CYAN, background);
  ::init_pair(attention_pair, COLOR_YELLOW, background);
  ::init_pair(bad_pair, COLOR_RED, background);
  return true;
}

/// Some terminals send these whatever terminfo says.
void define_common_keys() {
  for (auto [sequence, code] : {std::pair{"\x1b[A", KEY_UP},
                                {"\x1b[B", KEY_DOWN},
                                {"\x1b[H", KEY_HOME},
                                {"\x1b[F", KEY_END},
                                {"\x1b[1~", KEY_HOME},
                                {"\x1b[4~", KEY_END},
                                {"\x1b[5~", KEY_PPAGE},
                                {"\x1b[6~", KEY_NPAGE}})
    ::define_key(sequence, code);
}

key key_of(int code) {
  switch (code) {
  case ERR:
    return key::none;
  case KEY_UP:
  case 'k':
    return key::up;
  case KEY_DOWN:
  case 'j':
    return key::down;
  case KEY_PPAGE:
    return key::page_up;
  case KEY_NPAGE:
  case ' ':
    return key::page_down;
  case KEY_HOME:
  case 'g':
    return key::home;
  case KEY_END:
  case 'G':
    return key::end;
  case KEY_ENTER:
  case '\r':
  case '\n':
  case 'f':
    return key::follow;
  case 27:
    return key::back;
  case '?':
    return key::help;
  case 'q':
  case 'Q':
    return key::quit;
  case KEY_RESIZE:
    return key::resized;
  default:
    return key::other;
  }
}

std::string terminal_name() {
  const char* name = std::getenv("TERM");
  return std::string{"TERM="} + (name == nullptr ? "" : name);
}

/// The live view is drawn in place.
bool can_move_cursor() {
  return ::tigetstr("cup") != nullptr;
}

} // namespace

core::result<std::unique_ptr<screen>> screen::open(bool color) {
  using opened = core::result<std::unique_ptr<screen>>;
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1)
    return opened::failed("the input and the output must be a terminal");
  std::setlocale(LC_CTYPE, "");
  auto* terminal = ::newterm(nullptr, stdout, stdin); // initscr() would exit on an error.
  if (terminal == nullptr)
    return opened::failed("this kind of terminal is not known (" + terminal_name() + ")");
  std::unique_ptr<screen> result{new screen{terminal}};
  if (!can_move_cursor())
    return opened::failed("this terminal can move no cursor (" + terminal_name() + ")");
  result->utf8_ = std::string_view{::nl_langinfo(CODESET)} == "UTF-8";
  ::cbreak();
  ::noecho();
  ::nonl();
  ::curs_set(0);
  ::set_escdelay(escape_wait_ms);
  ::keypad(stdscr, TRUE);
  define_common_keys();
  ::nodelay(stdscr, TRUE);
  ::leaveok(stdscr, TRUE);
  result->color_ = color && start_colors();
  return result;
}

screen::~screen() {
  ::endwin();
  ::delscreen(static_cast<SCREEN*>(terminal_));
}

std::size_t screen::width() const {
  return static_cast<std::size_t>(std::max(0, ::getmaxx(stdscr)));
}

std::size_t screen::height() const {
  return static_cast<std::size_t>(std::max(0, ::getmaxy(stdscr)));
}

void screen::show(std::vector<styled_line> lines) {
  if (shown_.empty())
    ::werase(stdscr);
  lines.resize(height());
  // From the top down: should a terminal find a character wider than we do, the next line
  // overwrites what ran over.
  auto ran_over = false;
  for (std::size_t row = 0; row < lines.size(); ++row) {
    const auto differs = row >= shown_.size() || lines[row] != shown_[row];
    if (differs || ran_over)
      draw(row, lines[row]);
    ran_over = differs;
  }
  ::wrefresh(stdscr);
  shown_ = std::move(lines);
}

void screen::draw(std::size_t row, const styled_line& line) const {
  ::wmove(stdscr, static_cast<int>(row), 0);
  ::wclrtoeol(stdscr);
  for (const auto& span : line.spans) {
    ::wattr_set(stdscr, attributes_of(span.color), color_ ? pair_of(span.color) : short{no_pair},
                nullptr);
    ::waddnstr(stdscr, span.text.data(), static_cast<int>(span.text.size()));
  }
  ::wattr_set(stdscr, A_NORMAL, no_pair, nullptr);
  if (line.selected)
    ::mvwchgat(stdscr, static_cast<int>(row), 0, -1, A_REVERSE, no_pair, nullptr);
}

void screen::repaint() {
  shown_.clear();
  ::clearok(stdscr, TRUE);
  ::wrefresh(stdscr);
}

key screen::read_key() {
  return key_of(::wgetch(stdscr));
}

int screen::key_fd() {
  return STDIN_FILENO;
}

} // namespace aeo::monitor
