#pragma once

// Writing to a terminal or pipe that may be slow, stopped or gone, without ever waiting for it.

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace aeo::node {

/// A descriptor with a bounded backlog. Writes only what the other side takes at once. The process
/// must ignore SIGPIPE. The descriptor's flags are left alone: it is shared with the shell.
class output {
public:
  /// `backlog`: bytes that may wait; whole lines beyond that are dropped and counted.
  output(int fd, std::size_t backlog) : fd_(fd), backlog_(backlog) {}

  /// Lines that must not get lost if that can be helped.
  void write(std::string_view lines);
  /// Writes what waits, as far as it is taken at once.
  void flush();
  /// Waits for the rest as long as the other side takes something within `patience`.
  void drain(std::chrono::milliseconds patience);
  /// Nothing waits: a frame that is drawn now is seen now.
  bool idle() const { return pending_.empty(); }
  /// Calls to write() whose lines were dropped since the last call.
  std::size_t take_dropped();
  /// The reader is gone; everything is dropped silently.
  bool mute() const { return mute_; }

private:
  /// Waits at most `wait` for room, then writes a piece; false when none was taken.
  bool write_some(std::chrono::milliseconds wait);

  int fd_;
  std::size_t backlog_;
  std::string pending_;
  std::size_t dropped_ = 0;
  bool mute_ = false;
};

} // namespace aeo::node
