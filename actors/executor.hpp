#pragma once

#include "actors/context.hpp"
#include "actors/io/launcher_client.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace aeo {

/// Makes a link to a launcher whose callbacks tell the executor; also after a link broke: what the
/// old launcher left running is ended first. Blocking.
using launcher_factory = std::function<caf::expected<io::launcher_link>(const executor_actor&)>;

/// Runs processes through the launcher, which has `slots`; what may not wait for one there queues
/// here, and what came later behind it.
struct executor_state {
  static inline const char* name = "executor";

  struct entry {
    task_listener_actor listener;  ///< Null: from before, and nobody has adopted it yet.
    task_spec spec;                ///< Until it is started.
    bool started = false;          ///< With the launcher.
    bool staged = false;           ///< May wait there for a slot.
    bool told = false;             ///< That its process runs.
    bool disowned = false;         ///< Nobody ever will.
    std::optional<task_exit> exit; ///< It ended before it was adopted.
    /// The same task asked for again while the disowned one is still being ended.
    struct request {
      task_spec spec;
      task_listener_actor listener;
      bool staged = false;
    };
    std::optional<request> next;
  };

  executor_actor::pointer self = nullptr;
  std::unique_ptr<io::launcher> client;
  launcher_factory connect_to;
  std::size_t slots = 1;
  std::map<task_key, entry> tasks; ///< Queued, sent and running.
  std::deque<task_key> queue;
  std::size_t sent = 0; ///< Of `tasks`: with the launcher.
  std::vector<caf::typed_response_promise<void>> idle_promises;
  std::uint32_t reconnects = 0;
  std::map<task_key, std::int64_t> told; ///< Exits of the newest tasks: when they ended.
  std::deque<task_key> told_order;

  caf::result<launcher_inventory> connect();
  void run(task_spec spec, task_listener_actor listener, bool staged = false);
  void adopt(const task_key& key, task_listener_actor listener);
  void disown(const task_keys& keys);
  void cancel(const task_key& key);
  void withdraw(const task_key& key);
  caf::result<void> stop();
  caf::result<void> wait_until_idle();
  void detach();
  void started(const task_start&);
  void exited(const task_exit&);
  void hear(const event_batch&);
  void gone(const std::string& reason);

private:
  caf::expected<io::launcher_link> link_up() const;
  void start_queued();
  void end_queued(std::map<task_key, entry>::iterator);
  void settle(const task_exit&);
  void note_told(const task_exit&);
  bool is_told(const task_exit&) const;
  void end_task(std::map<task_key, entry>::iterator, const task_exit&);
  void forget(std::map<task_key, entry>::iterator);
  void acknowledge(const task_keys&);
  void answer_if_idle();
};

executor_actor::behavior_type executor(executor_actor::stateful_pointer<executor_state> self,
                                       launcher_factory connect_to, std::size_t slots);

} // namespace aeo
