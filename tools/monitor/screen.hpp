#pragma once

// The terminal as a whole screen, by way of ncurses. It knows lines and keys and nothing of runs.

#include "actors/core/result.hpp"
#include "tools/monitor/styled_line.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace aeo::monitor {

enum class key : std::uint8_t {
  none, ///< Nothing was typed.
  up,
  down,
  page_up,
  page_down,
  home,
  end,
  follow,  ///< f, Enter
  back,    ///< Esc
  help,    ///< ?
  quit,    ///< q
  resized, ///< The terminal has another size: draw again.
  other    ///< Means nothing.
};

/// Owns the terminal: it is restored when this object goes, also by an exception. One at a time,
/// used by one thread. While it lives nothing else may write to the terminal. ncurses ends the
/// process by SIGINT and SIGTERM in good order unless handlers for them were set before.
class screen {
public:
  /// Takes stdin and stdout; fails when they are no terminal or TERM is not known. Sets the
  /// process's LC_CTYPE from the environment. `color` false (or a terminal without): bold, faint
  /// and inverted only.
  static core::result<std::unique_ptr<screen>> open(bool color);
  ~screen();
  screen(const screen&) = delete;
  screen& operator=(const screen&) = delete;

  std::size_t width() const;
  std::size_t height() const;
  /// Whether the terminal's locale is UTF-8; otherwise only ASCII may be shown.
  bool is_utf8() const { return utf8_; }

  /// Shows these lines from the top; the rest of the screen is empty. Only what changed is sent.
  void show(std::vector<styled_line>);
  /// Shows everything anew, whatever the terminal has become.
  void repaint();

  /// The next key; never blocks. The caller polls `key_fd()` and reads until `none`. A new size may
  /// come without anything to read: SIGWINCH interrupts only the thread it hits, so a caller with
  /// threads reads on its ticks as well.
  key read_key();
  static int key_fd();

private:
  explicit screen(void* terminal) : terminal_(terminal) {}

  void draw(std::size_t row, const styled_line&) const;

  void* terminal_;                 ///< ncurses's SCREEN.
  std::vector<styled_line> shown_; ///< Empty: ncurses is to be told all.
  bool color_ = false;
  bool utf8_ = false;
};

} // namespace aeo::monitor
