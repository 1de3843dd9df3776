#include "tools/node/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace aeo::node {

namespace {

// A descriptor that poll() calls writable takes this much without blocking: a pipe PIPE_BUF, a
// terminal about this.
constexpr std::size_t piece = 512;

} // namespace

void output::write(std::string_view lines) {
  if (mute_)
    return;
  flush();
  if (pending_.size() + lines.size() > backlog_ && !pending_.empty()) {
    ++dropped_;
    return;
  }
  pending_.append(lines);
  flush();
}

void output::flush() {
  write_some(std::chrono::milliseconds{0});
}

void output::drain(std::chrono::milliseconds patience) {
  while (write_some(patience)) {
  }
}

std::size_t output::take_dropped() {
  return std::exchange(dropped_, 0);
}

bool output::write_some(std::chrono::milliseconds wait) {
  if (mute_ || pending_.empty())
    return false;
  std::size_t done = 0; // Cut off once at the end: erasing each piece would be quadratic.
  bool taken = false;
  while (done < pending_.size() && !mute_) {
    pollfd p{fd_, POLLOUT, 0};
    auto ready = poll(&p, 1, done == 0 ? static_cast<int>(wait.count()) : 0);
    if (ready < 0 && errno == EINTR)
      continue;
    if (ready <= 0 || (p.revents & POLLOUT) == 0) {
      mute_ = ready > 0; // POLLERR, POLLHUP, POLLNVAL: nobody will ever read it.
      break;
    }
    auto n = ::write(fd_, pending_.data() + done, std::min(piece, pending_.size() - done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      mute_ = errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOSPC;
      break;
    }
    done += static_cast<std::size_t>(n);
    taken = true;
  }
  pending_.erase(0, mute_ ? pending_.size() : done);
  return taken && !pending_.empty();
}

} // namespace aeo::node
