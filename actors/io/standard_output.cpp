#include "actors/io/standard_output.hpp"

#include "messages/exit_code.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

namespace aeo::io {

int end_output(const char* program, int code) {
  const auto took_all = std::cout.good();
  errno = 0;
  if (std::cout.flush())
    return code;
  const int error = errno;
  if (error == EPIPE || reader_leaves(std::chrono::milliseconds{0}))
    return code;
  std::cerr << program << ": cannot write to the standard output: "
            << (took_all && error != 0 ? std::strerror(error) : "it did not take all (disk full?)")
            << '\n';
  return exit_code::internal;
}

bool reader_leaves(std::chrono::milliseconds patience) {
  pollfd reader{STDOUT_FILENO, 0, 0}; // POLLERR and POLLHUP are told unasked.
  return ::poll(&reader, 1, static_cast<int>(patience.count())) > 0;
}

} // namespace aeo::io
