#include "tools/attach/log_text.hpp"

#include <unistd.h>

#include <iostream>

namespace aeo::attach {

namespace {

/// Of the colour sequence that the text begins with ("\033[1;31m"); 0: it does not.
std::size_t colour_length(std::string_view text) {
  if (!text.starts_with("\033["))
    return 0;
  const auto end = text.find_first_not_of("0123456789;:", 2);
  return end != text.npos && text[end] == 'm' ? end + 1 : 0;
}

/// U+0080 to U+009F, some of which terminals obey.
bool is_c1(std::string_view text) {
  return text.size() > 1 && text[0] == '\xC2' && static_cast<unsigned char>(text[1]) < 0xA0;
}

} // namespace

std::string terminal_text(std::string_view log) {
  std::string shown;
  shown.reserve(log.size());
  while (!log.empty()) {
    auto length = colour_length(log);
    const auto c = static_cast<unsigned char>(log.front());
    const auto plain = (c >= ' ' && c != 0x7F) || c == '\n' || c == '\t' || c == '\r';
    if (length == 0 && (!plain || is_c1(log))) {
      shown += '?';
      length = is_c1(log) ? 2 : 1;
    } else {
      length = length == 0 ? 1 : length;
      shown.append(log.substr(0, length));
    }
    log.remove_prefix(length);
  }
  return shown;
}

void print_log(std::string_view log) {
  if (::isatty(STDOUT_FILENO) != 0)
    std::cout << terminal_text(log) << std::flush;
  else
    std::cout << log << std::flush;
}

} // namespace aeo::attach
