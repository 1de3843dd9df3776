#include "actors/io/launcher_client.hpp"

#include "actors/io/host.hpp"
#include "actors/io/launcher_folder.hpp"
#include "actors/io/launcher_protocol.hpp"
#include "actors/io/launcher_start.hpp"
#include "messages/type_ids.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace aeo::io {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds answer_patience{15000};
constexpr milliseconds farewell_patience{2000};
constexpr int most_attempts = 8;

std::size_t datagram_limit(int fd) {
  int size = 0;
  socklen_t length = sizeof size;
  constexpr int overhead = 1024;
  if (::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length) != 0 || size < 2 * overhead)
    return overhead;
  return std::min(wire::max_datagram, static_cast<std::size_t>(size - overhead));
}

/// The connection, shared by the client and its reading thread. Writers never wait for the
/// launcher: what it does not take at once is queued, and the reading thread sends it.
class channel {
public:
  explicit channel(unique_fd socket)
      : socket_{std::move(socket)}, wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)},
        limit_{datagram_limit(socket_.get())} {}

  int fd() const { return socket_.get(); }
  int wake_fd() const { return wake_.get(); }
  std::size_t limit() const { return limit_; }

  enum class news : std::uint8_t { messages, nothing, ended, malformed };

  /// Reads one datagram; one thread at a time.
  news receive(std::vector<wire::message>& to, std::string& why) {
    if (!buffer_)
      buffer_ = std::make_unique_for_overwrite<char[]>(wire::max_datagram);
    ssize_t n = 0;
    do
      n = ::recv(fd(), buffer_.get(), wire::max_datagram, MSG_DONTWAIT);
    // A launcher that went without reading everything resets the link once; what it said is there.
    while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    if (n <= 0)
      return n < 0 && errno == EAGAIN ? news::nothing : news::ended;
    return wire::decode({buffer_.get(), static_cast<std::size_t>(n)}, to, why) ? news::messages
                                                                               : news::malformed;
  }

  /// False: the link is broken; the reading thread says so as well.
  bool send(std::vector<std::string> datagrams) {
    const std::lock_guard guard{mutex_};
    const bool was_empty = queue_.empty();
    for (auto& x : datagrams)
      queue_.push_back(std::move(x));
    if (!was_empty)
      return !broken_; // In order: the reading thread is at it.
    push();
    if (!queue_.empty())
      wake();
    return !broken_;
  }

  /// Sends what is queued, as far as it is taken. True: there is more.
  bool pump() {
    const std::lock_guard guard{mutex_};
    push();
    return !queue_.empty();
  }

  void wake() const { ::eventfd_write(wake_.get(), 1); }

  /// An answer of our own making, told by the reading thread like the launcher's.
  void tell(task_exit x) {
    const std::lock_guard guard{mutex_};
    own_.push_back(std::move(x));
    wake();
  }
  std::vector<task_exit> told() {
    const std::lock_guard guard{mutex_};
    return std::exchange(own_, {});
  }

  std::atomic<bool> closing = false;

private:
  void push() {
    while (!queue_.empty()) {
      const auto& next = queue_.front();
      if (::send(fd(), next.data(), next.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (errno == EINTR)
          continue;
        if (errno == EAGAIN || errno == ENOBUFS)
          return;
        broken_ = true;
        queue_.clear();
        return;
      }
      queue_.pop_front();
    }
  }

  unique_fd socket_;
  unique_fd wake_;
  std::size_t limit_;
  std::unique_ptr<char[]> buffer_;
  std::mutex mutex_;
  std::deque<std::string> queue_;
  std::vector<task_exit> own_;
  bool broken_ = false;
};

/// The reading thread: waits for the launcher's words, calls back.
class reader {
public:
  /// `heard`: what came with the greeting and is not part of it.
  reader(std::shared_ptr<channel> from, std::vector<wire::message> heard, launcher_callbacks on)
      : channel_{std::move(from)}, heard_{std::move(heard)}, on_{std::move(on)} {}

  void operator()() {
    auto reason = pass_on(heard_);
    while (reason.empty() && !channel_->closing) {
      const bool more = channel_->pump();
      const auto writing = static_cast<short>(more ? POLLIN | POLLOUT : POLLIN);
      pollfd waiting[2] = {{channel_->fd(), writing, 0}, {channel_->wake_fd(), POLLIN, 0}};
      if (::poll(waiting, 2, -1) < 0 && errno != EINTR)
        reason = std::string{"poll: "} + std::strerror(errno);
      if (waiting[1].revents != 0) {
        eventfd_t count = 0;
        ::eventfd_read(channel_->wake_fd(), &count);
        for (auto& x : channel_->told())
          on_.exited(std::move(x));
      }
      if ((waiting[0].revents & ~POLLOUT) != 0)
        reason = read();
    }
    if (!channel_->closing)
      on_.gone(std::move(reason));
  }

private:
  /// Why nothing more will come; empty: go on.
  std::string read() {
    std::vector<wire::message> messages;
    std::string why;
    switch (channel_->receive(messages, why)) {
    case channel::news::nothing:
      return {};
    case channel::news::ended:
      return "the launcher ended or hung up (its log: consolidation/logs/launcher.log)";
    case channel::news::malformed:
      return "the launcher does not keep to the protocol: " + why;
    case channel::news::messages:
      break;
    }
    return pass_on(messages);
  }

  /// As read().
  std::string pass_on(std::vector<wire::message>& messages) {
    for (auto& msg : messages) {
      if (channel_->closing)
        return {};
      if (auto* start = std::get_if<task_start>(&msg))
        on_.started(std::move(*start));
      else if (auto* exit = std::get_if<task_exit>(&msg))
        on_.exited(std::move(*exit));
      else
        return "the launcher does not keep to the protocol: a message out of turn";
    }
    return {};
  }

  std::shared_ptr<channel> channel_;
  std::vector<wire::message> heard_;
  launcher_callbacks on_;
};

class client final : public launcher {
public:
  client(std::shared_ptr<channel> to, std::vector<wire::message> heard, launcher_callbacks on)
      : channel_{std::move(to)} {
    thread_ = std::thread{reader{channel_, std::move(heard), std::move(on)}};
  }
  ~client() override { close(); }
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  caf::error start(const std::vector<task_spec>& specs) override {
    wire::packer packer{limit()};
    std::vector<task_exit> refused;
    for (const auto& spec : specs)
      if (!packer.add(spec))
        refused.push_back(too_large(spec));
    auto error = send(packer);
    if (!error)
      for (auto& x : refused)
        channel_->tell(std::move(x));
    return error;
  }

  caf::error cancel(const std::vector<task_key>& keys) override {
    return send_each<wire::cancel>(keys);
  }

  caf::error withdraw(const std::vector<task_key>& keys) override {
    return send_each<wire::withdraw>(keys);
  }

  caf::error acknowledge(const std::vector<task_key>& keys) override {
    return send_each<wire::acknowledge>(keys);
  }

  void close() override {
    if (!channel_)
      return;
    // What was said still reaches a launcher that reads; one that does not is not waited for.
    const auto deadline = clock::now() + farewell_patience;
    while (channel_->pump() && clock::now() < deadline) {
      constexpr int look_again_ms = 100;
      pollfd room{channel_->fd(), POLLOUT, 0};
      ::poll(&room, 1, look_again_ms);
    }
    channel_->closing = true;
    channel_->wake();
    if (thread_.get_id() == std::this_thread::get_id())
      thread_.detach(); // Closed from a callback: the thread ends when that returns.
    else
      thread_.join();
    channel_.reset(); // The socket is closed with its last user.
  }

private:
  std::size_t limit() const { return channel_ ? channel_->limit() : wire::max_datagram; }

  caf::error send(wire::packer& packer) {
    if (!channel_)
      return caf::make_error(ec::wrong_state, "the link to the launcher was closed");
    if (packer.empty() || channel_->send(packer.take()))
      return {};
    return launcher_error("the link to the launcher is broken");
  }

  template <class Message>
  caf::error send_each(const std::vector<task_key>& keys) {
    wire::packer packer{limit()};
    for (const auto& key : keys)
      packer.add(Message{key}); // A key that fits in no datagram was never started.
    return send(packer);
  }

  task_exit too_large(const task_spec& spec) const {
    task_exit x;
    x.key = spec.key;
    x.kind = exit_kind::not_started;
    x.code = E2BIG;
    x.started_us = x.ended_us = now_us();
    x.detail = "the command with its environment is larger than the " + std::to_string(limit())
               + " bytes that can be sent to the launcher: pass large data in a file";
    return x;
  }

  std::shared_ptr<channel> channel_;
  std::thread thread_;
};

/// One try at a launcher: nullopt when none answers, and one is to be started.
class greeting {
public:
  greeting(channel& with, const launcher_options& options) : channel_{with}, options_{options} {}

  caf::expected<std::optional<launcher_link>> run() {
    wire::packer packer{channel_.limit()};
    packer.add(wire::hello{wire::protocol_version, options_.execution, options_.slots});
    channel_.send(packer.take()); // If that fails nothing is answered.
    const auto deadline = clock::now() + answer_patience;
    while (!complete_) {
      std::vector<wire::message> messages;
      std::string why;
      const auto news = channel_.receive(messages, why);
      if (news == channel::news::ended)
        return std::optional<launcher_link>{};
      if (news == channel::news::malformed)
        return launcher_error("the launcher's greeting is malformed: " + why);
      if (news == channel::news::nothing && !wait(deadline))
        return launcher_error(
            "the launcher of " + options_.workspace.string()
            + " does not answer; look at consolidation/logs/launcher.log, then end it");
      for (auto& msg : messages)
        if (complete_)
          rest_.push_back(std::move(msg)); // A task ended meanwhile.
        else if (auto error = take(msg))
          return error;
      if (ending_)
        return std::optional<launcher_link>{};
    }
    if (auto error = send_environment())
      return error;
    return std::optional{std::move(link_)};
  }

  /// What the launcher said after its greeting, in the same breath.
  std::vector<wire::message> take_rest() { return std::move(rest_); }

private:
  bool wait(clock::time_point deadline) const {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - clock::now()).count();
    pollfd waiting{channel_.fd(), POLLIN, 0};
    return left > 0 && (::poll(&waiting, 1, static_cast<int>(left)) != 0);
  }

  caf::error take(wire::message& msg) {
    if (auto* refused = std::get_if<wire::refused>(&msg)) {
      ending_ = refused->code == wire::refusal::ending;
      return ending_ ? caf::error{} : launcher_error(refused->reason);
    }
    if (auto* welcome = std::get_if<wire::welcome>(&msg)) {
      welcomed_ = true;
      link_.notes = std::move(welcome->notes);
    } else if (auto* start = std::get_if<task_start>(&msg); start != nullptr && welcomed_) {
      link_.inventory.running.push_back(std::move(*start));
    } else if (auto* exit = std::get_if<task_exit>(&msg); exit != nullptr && welcomed_) {
      link_.inventory.ended.push_back(std::move(*exit));
    } else if (std::holds_alternative<wire::inventory_end>(msg) && welcomed_) {
      complete_ = true;
    } else {
      return launcher_error("the launcher's greeting has a message out of turn");
    }
    return {};
  }

  caf::error send_environment() {
    wire::packer packer{channel_.limit()};
    for (const auto& entry : options_.env)
      if (!packer.add(wire::environment{{entry}}))
        return launcher_error("the environment variable " + entry.substr(0, entry.find('='))
                              + " is too large to be sent to the launcher: unset it for the node");
    packer.add(wire::environment_end{});
    channel_.send(packer.take());
    return {};
  }

  channel& channel_;
  const launcher_options& options_;
  launcher_link link_;
  std::vector<wire::message> rest_;
  bool welcomed_ = false;
  bool complete_ = false;
  bool ending_ = false;
};

} // namespace

caf::expected<launcher_link> connect_launcher(const launcher_options& options,
                                              launcher_callbacks callbacks) {
  std::string why;
  const auto folder = open_launcher_folder(options.workspace, why);
  if (!folder)
    return launcher_error(why);
  bool found = true;
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    if (auto socket = connect_in(folder.get())) {
      auto to = std::make_shared<channel>(std::move(socket));
      greeting greets{*to, options};
      auto link = greets.run();
      if (!link)
        return link.error();
      if (*link) {
        (*link)->inventory.found = found;
        (*link)->client =
            std::make_unique<client>(std::move(to), greets.take_rest(), std::move(callbacks));
        return std::move(**link);
      }
    } else if (errno == EAGAIN) {
      return launcher_error("the launcher of " + options.workspace.string()
                            + " does not accept connections; is it stopped? Continue or end it");
    }
    // None, or one that ends: the new one waits for that.
    auto started = start_launcher(options, folder.get());
    if (!started)
      return started.error();
    found = *started == start_outcome::busy;
  }
  return launcher_error("launchers of " + options.workspace.string()
                        + " come and go; look at consolidation/logs/launcher.log");
}

} // namespace aeo::io
