#include "tools/monitor/watcher.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <utility>

namespace aeo::monitor {

namespace {

constexpr auto attach_interval = std::chrono::seconds{1};
constexpr auto log_interval = std::chrono::milliseconds{300};
/// An event may be hours away; that the node is gone is noticed by its silence.
constexpr auto any_time = caf::infinite;

std::int64_t local_now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// Nothing to wait for: the operator must do something first.
bool is_final(const caf::error& err) {
  return err == ec::not_permitted || err == ec::wrong_state || err == ec::bad_configuration;
}

struct watcher_state {
  static inline const char* name = "watcher";

  watcher_actor::pointer self = nullptr;
  caf::actor_system* system = nullptr;
  watch_options options;
  std::shared_ptr<inbox> out;
  std::unique_ptr<attach::node> node;
  std::uint64_t next = 1; ///< The first event that is lacking.
  std::uint64_t series = 0; ///< Counts views: pages of before the newest one are forgotten.
  log_request log; ///< Without a phase: none is followed.
  std::uint64_t links = 0; ///< Answers of an earlier link are not for this one.

  void attach() {
    auto attached = attach::node::attach(*system, options.target, "aeo-monitor " AEO_VERSION);
    if (!attached) {
      if (is_final(attached.error())) {
        out->put(attached.error());
        self->quit();
        return;
      }
      say(link_state::lost, message_of(attached.error()));
      self->run_delayed(attach_interval, [this] { attach(); });
      return;
    }
    node = std::move(*attached);
    ++links;
    self->monitor(node->gateway());
    say(link_state::attached, {});
    if (options.view)
      get_view();
    else
      get_events();
    if (!log.phase.empty())
      read_log();
  }

  void say(link_state state, std::string trouble) {
    link_view link;
    link.state = state;
    link.since_us = local_now_us();
    link.trouble = std::move(trouble);
    if (node) {
      link.address = node->address();
      link.name = node->welcome().name;
      link.role = node->welcome().role;
    }
    out->put(std::move(link));
  }

  void lost(const std::string& why) {
    if (!node)
      return;
    say(link_state::lost, why);
    node.reset();
    self->run_delayed(attach_interval, [this] { attach(); });
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
    ask<run_view>(
        [this](run_view& view) {
          next = view.seq + 1;
          out->put(std::move(view));
          ++series; // Events that were asked for before the view are passed over by its reader.
          get_events();
        },
        atom::get_v, node->token());
  }

  void get_events() {
    ask<event_page>(
        [this, asked = series](event_page& page) {
          if (asked != series)
            return;
          if (!page.events.empty())
            next = page.events.back().seq + 1;
          const auto ended = page.ended;
          out->put(std::move(page));
          if (ended)
            lost("the node has ended");
          else
            get_events();
        },
        atom::next_v, node->token(), next);
  }

  void follow(const std::string& phase) {
    const auto was_idle = log.phase.empty();
    log = {phase, {}, 0, 0};
    if (node && was_idle && !phase.empty())
      read_log();
  }

  void read_log() {
    self->request(node->gateway(), any_time, atom::read_v, node->token(), log)
        .then(
            [this, asked = log](log_page& page) {
              if (asked.phase != log.phase)
                return read_again({}); // Another one is followed by now.
              const auto nothing_new = page.next == log.offset;
              log = {log.phase, page.task, page.attempt, page.next};
              if (page.complete)
                log = {log.phase, {}, 0, 0}; // The next task's, or the next attempt's.
              if (!page.text.empty() || page.complete)
                out->put(std::move(page));
              read_again(nothing_new ? log_interval : std::chrono::milliseconds{0});
            },
            [this](const caf::error&) { read_again(log_interval); }); // Not there yet.
  }

  void read_again(std::chrono::milliseconds after) {
    self->run_delayed(after, [this] {
      if (node && !log.phase.empty())
        read_log();
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
