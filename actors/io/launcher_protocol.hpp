#pragma once

// What the node and its launcher say to each other, over a Unix SOCK_SEQPACKET socket. No CAF here:
// the launcher links none.
//
//   datagram := message+                      at most max_datagram bytes
//   message  := length:u32le type:u8 body     length counts type and body; values: see codec.hpp
//
//   node                          launcher
//   hello                    ->                      version first; its place never changes
//                            <-   welcome | refused  after refused the launcher hangs up
//                            <-   started* exited* inventory_end   what runs, what is not
//                            acknowledged
//   environment* environment_end  ->                 before the first start
//   (start | cancel | withdraw | acknowledge)*  ->
//                            <-   (started | exited)*
//
// Any datagram that does not fit this grammar ends the connection, and only that.

#include "messages/task.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace aeo::io::wire {

inline constexpr std::uint32_t protocol_version = 3;
inline constexpr std::size_t max_datagram = 256 * 1024;

/// The node's first word. A launcher of another version reads no further than the version.
struct hello {
  std::uint32_t version = protocol_version;
  std::string execution;
  std::uint32_t slots = 0; ///< Tasks that may run at once, those of before included; 0: any number.
  bool operator==(const hello&) const = default;
};
template <class Inspector>
bool inspect(Inspector& f, hello& x) {
  return f.object(x).fields(f.field("version", x.version), f.field("execution", x.execution),
                            f.field("slots", x.slots));
}

/// The launcher's answer to a node that it serves.
struct welcome {
  std::uint32_t version = protocol_version;
  std::int64_t pid = 0;
  std::vector<std::string> notes; ///< What it found and did before this node came.
  bool operator==(const welcome&) const = default;
};
template <class Inspector>
bool inspect(Inspector& f, welcome& x) {
  return f.object(x).fields(f.field("version", x.version), f.field("pid", x.pid),
                            f.field("notes", x.notes));
}

/// Why a node is not served.
enum class refusal : std::uint8_t {
  other_version = 0,
  other_execution = 1, ///< It has tasks of another execution.
  ending = 2,          ///< It is about to end: wait for that, then start another.
  other_node = 3       ///< A node that lives is connected.
};

struct refused {
  refusal code = refusal::ending;
  std::string reason;
  bool operator==(const refused&) const = default;
};
template <class Inspector>
bool inspect(Inspector& f, refused& x) {
  auto get = [&x] { return static_cast<std::uint8_t>(x.code); };
  auto set = [&x](std::uint8_t v) {
    if (v > static_cast<std::uint8_t>(refusal::other_node))
      return false;
    x.code = static_cast<refusal>(v);
    return true;
  };
  return f.object(x).fields(f.field("code", get, set), f.field("reason", x.reason));
}

/// A part of the base environment of all tasks, "NAME=value".
struct environment {
  std::vector<std::string> entries;
  bool operator==(const environment&) const = default;
};
template <class Inspector>
bool inspect(Inspector& f, environment& x) {
  return f.object(x).fields(f.field("entries", x.entries));
}

struct environment_end {
  bool operator==(const environment_end&) const = default;
};
struct inventory_end {
  bool operator==(const inventory_end&) const = default;
};
template <class Inspector>
bool inspect(Inspector&, environment_end&) {
  return true;
}
template <class Inspector>
bool inspect(Inspector&, inventory_end&) {
  return true;
}

struct cancel {
  task_key key;
  bool operator==(const cancel&) const = default;
};
template <class Inspector>
bool inspect(Inspector& f, cancel& x) {
  return f.object(x).fields(f.field("key", x.key));
}

/// As cancel, and nothing happens to a task that was started.
struct withdraw {
  task_key key;
  bool operator==(const withdraw&) const = default;
};
template <class Inspector>
bool inspect(Inspector& f, withdraw& x) {
  return f.object(x).fields(f.field("key", x.key));
}

struct acknowledge {
  task_key key;
  bool operator==(const acknowledge&) const = default;
};
template <class Inspector>
bool inspect(Inspector& f, acknowledge& x) {
  return f.object(x).fields(f.field("key", x.key));
}

/// A message's type on the wire is its place here: append, never reorder. task_spec is "start",
/// task_start is "started", task_exit is "exited".
using message = std::variant<hello, welcome, refused, environment, environment_end, inventory_end,
                             task_spec, cancel, acknowledge, task_start, task_exit, withdraw>;

void append(std::string& datagram, const message&);

/// Decodes a whole datagram. False: it is malformed, `why` says how, and `to` is not to be used.
bool decode(std::string_view datagram, std::vector<message>& to, std::string& why);

/// Gathers messages into as few datagrams as they fit in.
class packer {
public:
  explicit packer(std::size_t limit) : limit_(limit) {}
  /// False: the message alone is larger than a datagram; it is not added.
  bool add(const message&);
  bool empty() const { return done_.empty() && open_.empty(); }
  std::vector<std::string> take();

private:
  std::size_t limit_;
  std::vector<std::string> done_;
  std::string open_;
};

} // namespace aeo::io::wire
