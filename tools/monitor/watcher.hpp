#pragma once

// The monitor's end of the link: an actor that attaches, asks for what it lacks, and attaches anew
// when the link is lost. What it hears goes into an inbox that the terminal's thread empties.

#include "tools/attach/attach.hpp"
#include "tools/monitor/view_options.hpp"

#include <caf/typed_actor.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <variant>

namespace aeo::monitor {

/// Whether all has been read of the followed phase's tasks that have begun so far.
struct log_idle {
  bool is = false;
};

/// What the node said, or how the link stands.
using news = std::variant<run_view, event_page, log_page, log_idle, link_view, caf::error>;

/// From the watcher to one reader. `fd()` becomes readable when there is something; event pages are
/// asked for one at a time, so that few wait here.
class inbox {
public:
  inbox();
  ~inbox();
  inbox(const inbox&) = delete;
  inbox& operator=(const inbox&) = delete;

  void put(news);
  std::deque<news> take();
  /// Waits until there is something.
  std::deque<news> wait();
  int fd() const { return fd_; }

private:
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<news> all_;
  int fd_ = -1;
};

struct watch_options {
  attach::target target;
  bool view = true;        ///< Begin with a view of the run; else with events.
  std::uint64_t since = 1; ///< Without a view: the first event.
};

using watcher_actor = caf::typed_actor<
    // Sends the phase's log as it grows, from its start; an empty phase ends that.
    caf::result<void>(atom::read, std::string),
    // A gap was seen: sends a new view.
    caf::result<void>(atom::get)>;

/// Errors that no waiting mends (a credential that is not taken, another version) end it, after
/// they were put into the inbox.
watcher_actor spawn_watcher(caf::actor_system&, watch_options, std::shared_ptr<inbox>);

} // namespace aeo::monitor
