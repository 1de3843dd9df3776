#pragma once

#include "tools/launcher/link.hpp"
#include "tools/launcher/startup.hpp"
#include "tools/launcher/task_table.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace aeo::launcher {

/// Serves one node after the other, until there is nothing left to do.
class server {
public:
  server(premises, std::string workspace, std::string execution, launcher_log&);

  /// Returns when the launcher has ended in good order: no task runs, and what is not acknowledged
  /// is in the records.
  void run();

private:
  using message_list = std::vector<io::wire::message>;

  void watch(int fd, std::uint32_t events, std::uint64_t tag, bool again = false);
  void handle(std::uint64_t tag);
  void handle_signals();
  void accept_links();
  void receive(int fd);
  void dispatch(link&, message_list&);
  void dispatch_linked(link&, io::wire::message&);
  void greet(link&, const io::wire::hello&);
  void serve(link&);
  void refuse(link&, io::wire::refusal, std::string reason);
  void drop(int fd);
  void start(task_spec&&);
  std::size_t slots() const { return node_ != nullptr ? node_->slots : 0; }
  std::size_t room() const;
  void start_queued();
  bool take_from_queue(const task_key&);
  void end_queued();

  void settle();
  void keep_records(bool sync);
  void soon();
  void flush_link();
  void look_at_time(std::int64_t now);
  bool may_end(std::int64_t now);
  int wait_time(std::int64_t now) const;
  void say(const io::wire::message&, bool urgent);

  premises own_;
  std::string execution_;
  launcher_log& log_;
  io::unique_fd epoll_;
  io::unique_fd signals_;
  task_table tasks_;

  std::map<int, std::unique_ptr<link>> links_;
  link* node_ = nullptr; ///< The one that is served.
  link* next_ = nullptr; ///< Waits for node_ to be gone.
  std::int64_t next_until_ms_ = 0;
  std::deque<task_spec> queue_; ///< From node_, wait for a slot; each once, and none that runs.
  bool has_environment_ = false;
  std::vector<std::string> environment_;

  std::int64_t say_by_ms_ =
      0; ///< 0: nothing is held back. A task's start may travel with its exit.
  bool say_now_ = false;
  bool records_safe_ = true;
  std::int64_t idle_until_ms_ = 0; ///< When it ends if still idle; 0: it is not idle.
  bool ending_ = false;
  std::int64_t end_by_ms_ = 0;
};

} // namespace aeo::launcher
