#pragma once

#include "actors/io/launcher_protocol.hpp"
#include "actors/io/unique_fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace aeo::launcher {

/// One connection. Never blocks: what the peer does not take yet is queued.
class link {
public:
  enum class news : std::uint8_t { messages, nothing, ended, malformed };

  /// `greet_by_ms`: a peer that has not said hello by then is hung up on.
  link(io::unique_fd socket, pid_t peer, std::int64_t greet_by_ms);

  int fd() const { return socket_.get(); }
  pid_t peer() const { return peer_; }

  /// Reads one datagram. `why` says how it is malformed.
  news receive(std::vector<io::wire::message>& to, std::string& why);

  /// Adds a message to the next datagram. One that fits in none is cut by its sender, see
  /// max_message().
  void say(const io::wire::message&);
  /// Sends what was said, as far as the peer takes it. False: it is gone (receive() still gives
  /// what it said before).
  bool flush();
  bool wants_to_write() const { return !queue_.empty(); }
  std::size_t max_message() const { return limit_; }

  std::int64_t greet_by_ms = 0; ///< 0: it has greeted.
  std::uint32_t slots = 0;      ///< As its greeting said; 0: any number.
  bool watched_for_writing = false;

private:
  io::unique_fd socket_;
  pid_t peer_;
  std::size_t limit_;
  io::wire::packer said_;
  std::deque<std::string> queue_;
};

} // namespace aeo::launcher
