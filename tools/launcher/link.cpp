#include "tools/launcher/link.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

namespace aeo::launcher {

namespace {

/// The kernel takes datagrams of up to the send buffer's size, less a little.
std::size_t datagram_limit(int fd) {
  int size = 0;
  socklen_t length = sizeof size;
  constexpr int overhead = 1024;
  if (::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length) != 0 || size < 2 * overhead)
    return overhead;
  return std::min(io::wire::max_datagram, static_cast<std::size_t>(size - overhead));
}

} // namespace

link::link(io::unique_fd socket, pid_t peer, std::int64_t greet_by)
    : greet_by_ms{greet_by}, socket_{std::move(socket)}, peer_{peer},
      limit_{datagram_limit(socket_.get())}, said_{limit_} {}

link::news link::receive(std::vector<io::wire::message>& to, std::string& why) {
  // One for all links; its pages are touched only as far as datagrams fill it.
  static const auto buffer = std::make_unique_for_overwrite<char[]>(io::wire::max_datagram);
  ssize_t n = 0;
  do
    n = ::recv(socket_.get(), buffer.get(), io::wire::max_datagram, MSG_DONTWAIT | MSG_TRUNC);
  // A peer that went without reading everything resets the link, once: what it sent is still there.
  while (n < 0 && (errno == EINTR || errno == ECONNRESET));
  if (n < 0)
    return errno == EAGAIN ? news::nothing : news::ended;
  if (n == 0)
    return news::ended;
  const auto size = static_cast<std::size_t>(n);
  if (size > io::wire::max_datagram) {
    why = "a datagram has " + std::to_string(size) + " bytes";
    return news::malformed;
  }
  return io::wire::decode({buffer.get(), size}, to, why) ? news::messages : news::malformed;
}

void link::say(const io::wire::message& msg) {
  said_.add(msg);
}

bool link::flush() {
  if (!said_.empty())
    for (auto& datagram : said_.take())
      queue_.push_back(std::move(datagram));
  while (!queue_.empty()) {
    const auto& next = queue_.front();
    if (::send(socket_.get(), next.data(), next.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
      if (errno == EINTR)
        continue;
      return errno == EAGAIN || errno == ENOBUFS;
    }
    queue_.pop_front();
  }
  return true;
}

} // namespace aeo::launcher
