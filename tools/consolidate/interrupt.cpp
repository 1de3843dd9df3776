#include "tools/consolidate/interrupt.hpp"

#include "tools/consolidate/failure.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

namespace aeo::consolidate {

namespace {

constexpr std::array interrupting{SIGTERM, SIGINT, SIGHUP};

struct interrupt_state {
  int depth = 0;
  int event = -1;
  volatile std::sig_atomic_t signal = 0;
  std::array<struct sigaction, interrupting.size()> before{};
};

interrupt_state interrupts;

void remember(int signal) {
  const int kept = errno;
  interrupts.signal = signal;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto ignored = ::write(interrupts.event, &one, sizeof one);
  errno = kept;
}

} // namespace

interrupt_guard::interrupt_guard() {
  if (interrupts.depth++ > 0)
    return;
  interrupts.event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  interrupts.signal = 0;
  struct sigaction action {};
  action.sa_handler = remember;
  for (std::size_t i = 0; i < interrupting.size(); ++i)
    ::sigaction(interrupting[i], &action, &interrupts.before[i]);
}

interrupt_guard::~interrupt_guard() {
  if (--interrupts.depth > 0)
    return;
  for (std::size_t i = 0; i < interrupting.size(); ++i)
    ::sigaction(interrupting[i], &interrupts.before[i], nullptr);
  ::close(interrupts.event);
  interrupts.event = -1;
}

int interrupt_guard::fd() {
  return interrupts.event;
}

void interrupt_guard::check() {
  if (interrupts.depth > 0 && interrupts.signal != 0)
    throw failure(exit_status::try_again, std::string("stopped by ")
                                              + ::strsignal(interrupts.signal)
                                              + " (run the step again)");
}

} // namespace aeo::consolidate
