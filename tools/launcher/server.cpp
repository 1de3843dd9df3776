#include "tools/launcher/server.hpp"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace aeo::launcher {

namespace {

namespace wire = io::wire;

constexpr std::uint64_t link_tag = std::uint64_t{1} << 62; ///< Plus its descriptor; below: tasks.
constexpr std::uint64_t listener_tag = std::uint64_t{1} << 63;
constexpr std::uint64_t signal_tag = listener_tag + 1;

constexpr std::int64_t greeting_ms = 5000;   ///< For a peer to say hello.
constexpr std::int64_t first_wait_ms = 5000; ///< For the node that started us.
constexpr std::int64_t linger_ms = 200;      ///< After the last node, when nothing is left.
constexpr std::int64_t farewell_ms = 2000;   ///< For the last acknowledgements.
/// A start's notice and record wait that long for the exit, an acknowledgement's for the next
/// start.
constexpr std::int64_t hold_back_ms = 5;
constexpr std::size_t most_links = 16;
constexpr std::size_t longest_name = 1024;
constexpr std::size_t longest_detail = 4096;

io::unique_fd make_signalfd() {
  sigset_t handled;
  ::sigprocmask(SIG_SETMASK, nullptr, &handled); // prepare_process() blocked exactly these.
  return io::unique_fd{::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK)};
}

/// Not recorded: a node that goes without having heard it starts the task anew.
task_exit unstarted(const task_key& key, exit_kind kind, int code, std::string why) {
  task_exit x;
  x.key = key;
  x.kind = kind;
  x.code = code;
  x.detail = std::move(why);
  x.started_us = x.ended_us = now_us();
  return x;
}

/// The workspace is no more: nobody will ever ask for what could not be recorded.
bool is_removed(int folder) {
  struct stat info {};
  return ::fstat(folder, &info) == 0 && info.st_nlink == 0;
}

} // namespace

server::server(premises own, std::string workspace, std::string execution, launcher_log& log)
    : own_{std::move(own)}, execution_{execution}, log_{log}, epoll_{::epoll_create1(
                                                                  EPOLL_CLOEXEC)},
      signals_{make_signalfd()}, tasks_{epoll_.get(),
                                        std::move(workspace),
                                        std::move(execution),
                                        {[this](const task_start& x) {
                                           own_.records->started(x);
                                           say(x, false);
                                         },
                                         [this](task_exit&& x) {
                                           if (x.detail.size() > longest_detail)
                                             x.detail.resize(longest_detail);
                                           own_.records->ended(x);
                                           // While others wait the node has no slot to fill.
                                           say(std::move(x),
                                               slots() == 0 || queue_.size() < slots());
                                         },
                                         [this](const std::string& text) { log_.note(text); }}} {
  watch(own_.listener.get(), EPOLLIN, listener_tag);
  watch(signals_.get(), EPOLLIN, signal_tag);
  idle_until_ms_ = now_ms() + first_wait_ms;
  for (const auto& text : own_.notes)
    log_.note(text);
}

void server::watch(int fd, std::uint32_t events, std::uint64_t tag, bool again) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  if (::epoll_ctl(epoll_.get(), again ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0)
    log_.note(std::string{"cannot watch a descriptor: "} + std::strerror(errno));
}

void server::run() {
  std::array<epoll_event, 64> events;
  for (;;) {
    const auto n = ::epoll_wait(epoll_.get(), events.data(), events.size(), wait_time(now_ms()));
    for (int i = 0; i < n; ++i)
      handle(events[static_cast<std::size_t>(i)].data.u64);
    const auto now = now_ms();
    look_at_time(now);
    start_queued();
    settle();
    if (may_end(now))
      break;
  }
  // Who connects from here on is hung up on and starts another launcher, which waits for our lock.
  io::remove_socket(own_.folder.get());
  own_.listener.reset();
  end_queued();
  if (!own_.records->finish())
    log_.note(own_.records->error());
}

void server::handle(std::uint64_t tag) {
  if (tag == listener_tag)
    accept_links();
  else if (tag == signal_tag)
    handle_signals();
  else if ((tag & link_tag) != 0)
    receive(static_cast<int>(tag & ~link_tag));
  else
    tasks_.drain(tag);
}

void server::handle_signals() {
  std::array<signalfd_siginfo, 4> infos;
  const auto n = ::read(signals_.get(), infos.data(), sizeof infos);
  const auto count = n > 0 ? static_cast<std::size_t>(n) / sizeof(signalfd_siginfo) : 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto number = static_cast<int>(infos[i].ssi_signo);
    if (number == SIGCHLD)
      continue;
    const auto why = std::string{"the launcher was told to end ("} + ::strsignal(number) + ")";
    log_.note(why + ": it ends " + std::to_string(tasks_.size()) + " tasks");
    ending_ = true;
    tasks_.end_all(why);
  }
  tasks_.reap();
}

void server::accept_links() {
  for (;;) {
    io::unique_fd fd{
        ::accept4(own_.listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!fd) {
      if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
        log_.note(std::string{"cannot accept a connection: "} + std::strerror(errno));
      return;
    }
    ucred peer{};
    socklen_t length = sizeof peer;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0
        || peer.uid != ::geteuid() || links_.size() >= most_links) {
      log_.note("turned away a connection of user " + std::to_string(peer.uid) + ", pid "
                + std::to_string(peer.pid));
      continue;
    }
    const int number = fd.get();
    watch(number, EPOLLIN, link_tag + static_cast<std::uint64_t>(number));
    links_[number] = std::make_unique<link>(std::move(fd), peer.pid, now_ms() + greeting_ms);
  }
}

void server::receive(int fd) {
  const auto at = links_.find(fd);
  if (at == links_.end())
    return;
  auto& from = *at->second;
  message_list messages;
  std::string why;
  switch (from.receive(messages, why)) {
  case link::news::nothing:
    return; // It takes data again: settle() sends.
  case link::news::messages:
    return dispatch(from, messages);
  case link::news::malformed:
    log_.note("hung up on pid " + std::to_string(from.peer()) + ": " + why);
    return drop(fd);
  case link::news::ended:
    return drop(fd);
  }
}

void server::drop(int fd) {
  const auto at = links_.find(fd);
  if (at == links_.end())
    return;
  const bool served = at->second.get() == node_;
  if (at->second.get() == next_)
    next_ = nullptr;
  links_.erase(at);
  if (!served)
    return;
  node_ = nullptr;
  say_by_ms_ = 0;
  say_now_ = false;
  if (!queue_.empty())
    log_.note("the node went while " + std::to_string(queue_.size())
              + " tasks waited for a slot: they were not started");
  queue_.clear();
  if (next_ != nullptr)
    serve(*std::exchange(next_, nullptr));
}

void server::dispatch(link& from, message_list& messages) {
  const int fd = from.fd();
  if (&from != node_) {
    const auto* hello = std::get_if<wire::hello>(&messages.front());
    if (hello == nullptr || messages.size() != 1 || from.greet_by_ms == 0) {
      log_.note("hung up on pid " + std::to_string(from.peer()) + ": it did not say hello");
      return drop(fd);
    }
    return greet(from, *hello);
  }
  for (auto& msg : messages)
    if (&from == node_) // Else it was dropped by the message before.
      dispatch_linked(from, msg);
}

void server::dispatch_linked(link& from, wire::message& msg) {
  if (auto* spec = std::get_if<task_spec>(&msg)) {
    if (has_environment_ && spec->key.phase.size() + spec->key.task.size() <= longest_name)
      return start(std::move(*spec));
    log_.note("hung up on pid " + std::to_string(from.peer())
              + ": a start came before the environment, or with too long a name");
    drop(from.fd());
  } else if (const auto* stop = std::get_if<wire::cancel>(&msg)) {
    if (!take_from_queue(stop->key))
      tasks_.cancel(stop->key);
  } else if (const auto* unwanted = std::get_if<wire::withdraw>(&msg)) {
    take_from_queue(unwanted->key);
  } else if (const auto* ack = std::get_if<wire::acknowledge>(&msg)) {
    own_.records->acknowledged(ack->key);
    soon();
  } else if (auto* part = std::get_if<wire::environment>(&msg)) {
    std::move(part->entries.begin(), part->entries.end(), std::back_inserter(environment_));
  } else if (std::holds_alternative<wire::environment_end>(msg)) {
    tasks_.set_environment(std::exchange(environment_, {}));
    has_environment_ = true;
  } else {
    log_.note("hung up on pid " + std::to_string(from.peer()) + ": a message out of turn");
    drop(from.fd());
  }
}

void server::start(task_spec&& spec) {
  // Asked twice, it is run once: a node that lost its link may not know what arrived.
  const auto& ended = own_.records->state().ended;
  if (const auto known = ended.find(spec.key); known != ended.end())
    return own_.records->ended(known->second), say(known->second, true);
  if (tasks_.contains(spec.key))
    return tasks_.start(std::move(spec)); // Says its start again.
  if (std::ranges::find(queue_, spec.key, &task_spec::key) == queue_.end())
    queue_.push_back(std::move(spec));
}

/// How many of those that wait may start now; none any more when we are ending.
std::size_t server::room() const {
  if (ending_)
    return 0;
  const auto most = slots() == 0 ? queue_.size() : slots() - std::min(slots(), tasks_.size());
  return std::min(most, queue_.size());
}

void server::start_queued() {
  std::vector<task_spec> batch;
  while (const auto count = room()) { // Again: what cannot be started leaves its slot.
    batch.clear();
    for (; batch.size() < count; queue_.pop_front()) {
      own_.records->intend(queue_.front().key);
      batch.push_back(std::move(queue_.front()));
    }
    keep_records(false); // Intents first, in one write: see launcher_records.hpp.
    for (auto& spec : batch)
      tasks_.start(std::move(spec));
  }
}

/// Ends a task that waits for a slot. False: it does not.
bool server::take_from_queue(const task_key& key) {
  const auto at = std::ranges::find(queue_, key, &task_spec::key);
  if (at == queue_.end())
    return false;
  queue_.erase(at);
  say(unstarted(key, exit_kind::cancelled, 0, "cancelled before it was started"), true);
  return true;
}

/// Only now: what the node starts instead goes to the next launcher.
void server::end_queued() {
  for (const auto& spec : std::exchange(queue_, {}))
    say(unstarted(spec.key, exit_kind::not_started, ECANCELED, "the launcher is ending"), true);
  flush_link();
}

void server::refuse(link& to, wire::refusal code, std::string reason) {
  to.say(wire::refused{code, std::move(reason)});
  to.flush();
  drop(to.fd());
}

void server::greet(link& from, const wire::hello& hello) {
  from.greet_by_ms = 0;
  from.slots = hello.slots;
  const auto self = "the launcher (pid " + std::to_string(::getpid()) + ") ";
  if (hello.version != wire::protocol_version)
    return refuse(from, wire::refusal::other_version,
                  self + "speaks protocol " + std::to_string(wire::protocol_version) + ", the node "
                      + std::to_string(hello.version)
                      + ": finish its tasks with the node that started it, or end it with SIGTERM");
  if (ending_)
    return refuse(from, wire::refusal::ending, self + "is ending");
  if (hello.execution != execution_ && !tasks_.empty())
    return refuse(from, wire::refusal::other_execution,
                  self + "still runs " + std::to_string(tasks_.size()) + " tasks of execution "
                      + execution_ + ": resume that one, or end it with SIGTERM");
  if (hello.execution != execution_ && node_ == nullptr) {
    ending_ = true;
    return refuse(from, wire::refusal::ending, self + "is ending");
  }
  if (node_ == nullptr)
    return serve(from);
  if (next_ != nullptr || hello.execution != execution_)
    return refuse(from, wire::refusal::other_node,
                  self + "serves the node with pid " + std::to_string(node_->peer()));
  // A node that was killed is noticed by its end of file, which may come a moment later.
  next_ = &from;
  next_until_ms_ = now_ms() + greeting_ms;
}

void server::serve(link& to) {
  node_ = &to;
  has_environment_ = false;
  environment_.clear();
  to.say(wire::welcome{wire::protocol_version, ::getpid(), std::exchange(own_.notes, {})});
  for (auto& x : tasks_.running())
    to.say(std::move(x));
  for (const auto& [key, exit] : own_.records->state().ended)
    to.say(exit);
  to.say(wire::inventory_end{});
  say_now_ = true;
}

void server::say(const wire::message& msg, bool urgent) {
  if (node_ == nullptr)
    return;
  node_->say(msg);
  if (urgent)
    say_now_ = true;
  else
    soon();
}

/// After each turn: first the records, then the node. What is not urgent may wait for what is.
void server::settle() {
  // With a node the records need only outlive us; without one they are all there is.
  if (say_now_ || node_ == nullptr)
    keep_records(node_ == nullptr);
  if (say_now_ || (node_ != nullptr && node_->wants_to_write()))
    flush_link();
}

void server::keep_records(bool sync) {
  records_safe_ = own_.records->flush(sync);
  if (!records_safe_)
    log_.note(own_.records->error());
}

/// What was said or noted goes out before long.
void server::soon() {
  if (say_by_ms_ == 0)
    say_by_ms_ = now_ms() + hold_back_ms;
}

void server::flush_link() {
  say_now_ = false;
  say_by_ms_ = 0;
  if (node_ == nullptr)
    return;
  node_->flush(); // A broken link is dropped when its end of file is read.
  if (node_->wants_to_write() == node_->watched_for_writing)
    return;
  node_->watched_for_writing = node_->wants_to_write();
  watch(node_->fd(), node_->watched_for_writing ? EPOLLIN | EPOLLOUT : EPOLLIN,
        link_tag + static_cast<std::uint64_t>(node_->fd()), true);
}

void server::look_at_time(std::int64_t now) {
  tasks_.tick(now);
  if (say_by_ms_ != 0 && say_by_ms_ <= now)
    say_now_ = true;
  if (next_ != nullptr && next_until_ms_ <= now)
    refuse(*std::exchange(next_, nullptr), wire::refusal::other_node,
           "the launcher (pid " + std::to_string(::getpid()) + ") serves the node with pid "
               + std::to_string(node_ != nullptr ? node_->peer() : 0));
  for (auto at = links_.begin(); at != links_.end();) {
    const auto& entry = *at++;
    if (entry.second->greet_by_ms != 0 && entry.second->greet_by_ms <= now)
      drop(entry.first);
  }
}

bool server::may_end(std::int64_t now) {
  const auto& ended = own_.records->state().ended;
  if (!tasks_.empty() || (node_ == nullptr && !records_safe_ && !is_removed(own_.folder.get()))) {
    idle_until_ms_ = 0;
    return false;
  }
  if (ending_) {
    if (end_by_ms_ == 0)
      end_by_ms_ = now + farewell_ms;
    return node_ == nullptr || ended.empty() || end_by_ms_ <= now;
  }
  if (!links_.empty()) {
    idle_until_ms_ = 0;
    return false;
  }
  if (idle_until_ms_ == 0)
    idle_until_ms_ = now + linger_ms;
  return idle_until_ms_ <= now;
}

int server::wait_time(std::int64_t now) const {
  std::int64_t wait = tasks_.due_in(now);
  const auto consider = [&wait, now](std::int64_t at) {
    if (at != 0)
      wait = wait < 0 ? std::max<std::int64_t>(at - now, 0)
                      : std::min(wait, std::max<std::int64_t>(at - now, 0));
  };
  consider(say_by_ms_);
  consider(idle_until_ms_);
  consider(end_by_ms_);
  if (next_ != nullptr)
    consider(next_until_ms_);
  for (const auto& [fd, link] : links_)
    consider(link->greet_by_ms);
  if (!records_safe_)
    consider(now + 1000); // The disk may have room again.
  return static_cast<int>(wait);
}

} // namespace aeo::launcher
