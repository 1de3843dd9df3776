#include "tools/monitor/watcher.hpp"

#include "actors/io/host.hpp"
#include "actors/io/packed.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace aeo::monitor {

namespace {

constexpr std::chrono::milliseconds first_wait{100};
constexpr std::chrono::milliseconds longest_wait{2000};
/// A picture need not show every moment.
constexpr std::uint32_t page_interval_ms = 250;
constexpr auto log_interval = std::chrono::milliseconds{300};
/// An event may be hours away; that the node is gone is noticed by its silence.
constexpr auto any_time = caf::infinite;

/// Nothing to wait for: the operator must do something first.
bool is_final(const caf::error& err) {
  return err == ec::not_permitted || err == ec::untrusted || err == ec::wrong_state
         || err == ec::bad_configuration;
}

struct watcher_state {
  static inline const char* name = "watcher";

  watcher_actor::pointer self = nullptr;
  caf::actor_system* system = nullptr;
  watch_options options;
  std::shared_ptr<inbox> out;
  std::unique_ptr<attach::node> node;
  link_view link;           ///< As last said: where the node was stays known when it has gone.
  std::uint64_t next = 1;   ///< The first event that is lacking.
  std::size_t phases = 0;   ///< Of the plan.
  std::uint64_t series = 0; ///< Counts views: pages of before the newest one are forgotten.
  log_request log;          ///< Without a phase: none is followed.
  std::deque<std::pair<std::string, std::uint32_t>> upcoming; ///< Tasks and attempts after it.
  bool idle = true;                                           ///< All that began has been read.
  bool reading = false;                                       ///< An answer is under way.
  bool hurry = false; ///< Read again at once when it has come.
  bool ended = false; ///< The node has said its last event; it stays while logs are read.
  std::uint64_t timer = 0;
  std::chrono::milliseconds wait = first_wait; ///< Before the next try.
  std::uint64_t links = 0;                     ///< Answers of an earlier link are not for this one.
  std::uint64_t viewed = 0;                    ///< The link whose view `next` goes on from.

  void attach() {
    auto attached = attach::node::attach(*system, options.target, "aeo-monitor " AEO_VERSION);
    if (!attached) {
      // While a link is cut, somebody else may answer at its address.
      const auto somebody_else = links > 0 && attached.error() == ec::untrusted;
      if (is_final(attached.error()) && !somebody_else) {
        out->put(attached.error());
        self->quit();
        return;
      }
      say(link_state::lost, message_of(attached.error()));
      attach_again();
      return;
    }
    node = std::move(*attached);
    wait = first_wait;
    ++links;
    ended = false;
    self->monitor(node->gateway());
    say(link_state::attached, {});
    if (options.view)
      get_view();
    else
      get_events();
    reading = false;
    if (!log.phase.empty() && !idle)
      read_on();
  }

  void attach_again() {
    self->run_delayed(wait, [this] { attach(); });
    wait = std::min(2 * wait, longest_wait);
  }

  void say(link_state state, std::string trouble) {
    if (std::exchange(link.state, state) != state) // Not with each try that fails.
      link.since_us = io::now_us();
    link.trouble = std::move(trouble);
    if (node) {
      link.address = node->address();
      link.name = node->welcome().name;
      link.role = node->welcome().role;
    }
    out->put(link);
  }

  void lost(const std::string& why) {
    if (!node)
      return;
    say(link_state::lost, why);
    node.reset();
    attach_again();
  }

  /// A request whose answer counts only as long as the link is the same.
  template <class Answer, class Handler, class... Ts>
  void ask(Handler handler, Ts&&... words) {
    self->request(node->gateway(), any_time, std::forward<Ts>(words)...)
        .then(
            [this, handler, link = links](Answer& answer) {
              if (node && link == links)
                handler(answer);
            },
            [this, link = links](const caf::error& err) {
              if (!node || link != links)
                return;
              if (is_final(err)) {
                out->put(err);
                self->quit();
              } else {
                lost(message_of(err));
              }
            });
  }

  void get_view() {
    ++series; // Events that were asked for before are passed over.
    get_rows({});
  }

  void get_rows(std::shared_ptr<run_view> so_far) {
    const auto have = so_far ? static_cast<std::uint32_t>(so_far->phases.size()) : 0u;
    ask<run_view>(
        [this, so_far, asked = series](run_view& view) {
          if (asked != series)
            return;
          auto whole = so_far ? so_far : std::make_shared<run_view>();
          if (auto err = attach::append(*whole, std::move(view))) {
            lost(message_of(err));
            return;
          }
          if (whole->phases.size() < whole->total) {
            get_rows(std::move(whole));
            return;
          }
          if (whole->seq + 1 < next && viewed == links) {
            get_events(); // Older than what came meanwhile: many ask, and share a picture.
            return;
          }
          viewed = links;
          next = whole->seq + 1;
          phases = whole->phases.size();
          out->put(std::move(*whole));
          get_events();
        },
        atom::get_v, node->token(), have);
  }

  void get_events() {
    ask<event_page>(
        [this, asked = series](event_page& page) {
          if (asked != series)
            return;
          if (!io::unpack(page, next)) {
            lost("the node sent events that cannot be read");
            return;
          }
          if (!page.changes.empty() && !draws()) {
            get_events(); // Asked before a log was opened: see draws().
            return;
          }
          const auto told_nothing = page.events.empty() && page.changes.empty();
          if (!page.changes.empty())
            next = std::max(next, page.changes.back().seq + 1);
          else if (!page.events.empty())
            next = page.events.back().seq + 1;
          const auto behind = page.head >= next ? page.head - next + 1 : 0;
          const auto last = page.ended && behind == 0;
          note_tasks(page);
          out->put(std::move(page));
          ended = last;
          if (ended)
            leave_if_read();
          else if (told_nothing && draws() && is_far_behind(behind, phases))
            get_view();
          else
            get_events();
        },
        atom::next_v, node->token(), next, draws() ? page_interval_ms : 0u);
  }

  /// Who follows a log learns from events which tasks begin: none is passed over.
  bool draws() const { return options.view && log.phase.empty(); }

  void leave_if_read() {
    if (idle || log.phase.empty())
      lost("the node has ended");
    else
      read_on();
  }

  void follow(const std::string& phase) {
    log = {phase, {}, 0, 0};
    upcoming.clear();
    idle = phase.empty();
    if (node && !idle)
      read_on();
  }

  /// Tasks that have begun since are read one after the other.
  void note_tasks(const event_page& page) {
    for (const auto& e : page.events) {
      const auto of_task =
          e.kind == event_kind::task_started || e.kind == event_kind::task_finished;
      if (log.phase.empty() || e.phase != log.phase || !of_task)
        continue;
      if ((e.task != log.task || e.attempt != log.attempt)
          && std::ranges::count(upcoming, std::pair{e.task, e.attempt}) == 0)
        upcoming.emplace_back(e.task, e.attempt);
      if (idle)
        next_log();
      else
        read_on(); // The node may be about to leave.
    }
  }

  void next_log() {
    idle = upcoming.empty();
    out->put(log_idle{idle});
    if (idle && ended)
      leave_if_read();
    if (idle)
      return;
    log = {log.phase, upcoming.front().first, upcoming.front().second, 0};
    upcoming.pop_front();
    read_on();
  }

  /// Reads now, or as soon as the answer that is under way has come.
  void read_on() {
    if (!node)
      return; // Begun again with the next link.
    ++timer;
    hurry = true;
    if (std::exchange(reading, true))
      return;
    hurry = false;
    self->request(node->gateway(), any_time, atom::read_v, node->token(), log)
        .then(
            [this, asked = log, link = links](log_page& page) {
              if (link == links)
                heard(asked, std::move(page));
            },
            [this, link = links](const caf::error&) {
              if (link != links)
                return;
              reading = false;
              next_log(); // None has run yet: its start will be told.
            });
  }

  void heard(const log_request& asked, log_page&& page) {
    reading = false;
    const auto nothing_new = page.next == asked.offset;
    const auto complete = page.complete;
    if (asked.phase == log.phase) { // Else another one is followed by now.
      log = {log.phase, page.task, page.attempt, page.next};
      std::erase(upcoming, std::pair{page.task, page.attempt});
      if (!nothing_new || complete)
        out->put(std::move(page));
      if (complete)
        return next_log();
    }
    if (!nothing_new || hurry)
      return read_on();
    self->run_delayed(log_interval, [this, id = ++timer] {
      if (node && id == timer && !log.phase.empty())
        read_on();
    });
  }
};

watcher_actor::behavior_type watcher(watcher_actor::stateful_pointer<watcher_state> self,
                                     watch_options options, std::shared_ptr<inbox> out) {
  auto& st = self->state;
  st.self = self;
  st.system = &self->system();
  st.options = std::move(options);
  st.out = std::move(out);
  st.next = st.options.since;
  self->set_down_handler([self](const caf::down_msg& gone) {
    auto& s = self->state;
    if (s.node && gone.source == s.node->gateway())
      s.lost("the node does not answer any more");
  });
  self->run_delayed(std::chrono::milliseconds{0}, [self] { self->state.attach(); });
  return {
      [self](atom::read, const std::string& phase) { self->state.follow(phase); },
      [self](atom::get) {
        if (self->state.node)
          self->state.get_view();
      },
  };
}

} // namespace

inbox::inbox() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

inbox::~inbox() {
  ::close(fd_);
}

void inbox::put(news x) {
  {
    const std::lock_guard lock{mutex_};
    all_.push_back(std::move(x));
  }
  ::eventfd_write(fd_, 1);
  filled_.notify_one();
}

std::deque<news> inbox::take() {
  eventfd_t count = 0;
  ::eventfd_read(fd_, &count);
  const std::lock_guard lock{mutex_};
  return std::exchange(all_, {});
}

std::deque<news> inbox::wait() {
  std::unique_lock lock{mutex_};
  filled_.wait(lock, [this] { return !all_.empty(); });
  return std::exchange(all_, {});
}

watcher_actor spawn_watcher(caf::actor_system& system, watch_options options,
                            std::shared_ptr<inbox> out) {
  return system.spawn<caf::detached>(watcher, std::move(options), std::move(out));
}

} // namespace aeo::monitor
