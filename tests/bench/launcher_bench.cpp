// How much more the launcher costs than the processes themselves: the same number of `true`, so
// many at a time, through client and launcher and in a bare posix_spawn loop, alternating in one
// run. Prints the ratio of the best rounds; asserts nothing.
//
//   launcher_bench [TASKS [AT_A_TIME [ROUNDS]]]

#include "tests/fixtures/launcher_rig.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include <spawn.h>
#include <sys/wait.h>

namespace {

using namespace aeo;
using clock_type = std::chrono::steady_clock;

double seconds_since(clock_type::time_point start) {
  return std::chrono::duration<double>(clock_type::now() - start).count();
}

double bare(int tasks, int at_a_time) {
  const auto start = clock_type::now();
  char name[] = "true";
  char* argv[] = {name, nullptr};
  int started = 0;
  const auto spawn = [&] {
    pid_t pid = 0;
    if (::posix_spawnp(&pid, name, nullptr, nullptr, argv, environ) != 0)
      std::exit(1);
    ++started;
  };
  while (started < std::min(at_a_time, tasks))
    spawn();
  for (int ended = 0; ended < tasks; ++ended) {
    ::waitpid(-1, nullptr, 0);
    if (started < tasks)
      spawn();
  }
  return seconds_since(start);
}

class round_trip {
public:
  round_trip(int tasks, int at_a_time) : tasks_{tasks}, at_a_time_{at_a_time} {}

  double run() {
    const auto launched = io::connect_launcher(
      fixtures::launcher_of(workspace_.path()),
      {[](task_start&&) {}, [this](task_exit&& x) { exited(x); }, [](const std::string&) {}});
    if (!launched) {
      std::fprintf(stderr, "%s\n", message_of(launched.error()).c_str());
      std::exit(1);
    }
    client_ = launched->client.get();
    const auto start = clock_type::now();
    {
      const std::lock_guard lock{mutex_};
      for (int i = 0; i < std::min(at_a_time_, tasks_); ++i)
        start_next();
    }
    std::unique_lock lock{mutex_};
    done_.wait(lock, [this] { return ended_ == tasks_; });
    return seconds_since(start);
  }

private:
  static void check(const caf::error& err) {
    if (err)
      std::fprintf(stderr, "%s\n", message_of(err).c_str());
  }
  void start_next() {
    auto spec
      = fixtures::make_task(workspace_.path(), "T" + std::to_string(++started_), {"true"});
    spec.timeout_ms = 60000;
    check(client_->start({spec}));
  }
  void exited(const task_exit& x) {
    const std::lock_guard lock{mutex_};
    if (!x.ok())
      std::fprintf(stderr, "%s\n", x.detail.c_str());
    if (started_ < tasks_)
      start_next();
    check(client_->acknowledge({x.key}));
    if (++ended_ == tasks_)
      done_.notify_all();
  }

  fixtures::scratch_folder workspace_;
  io::launcher* client_ = nullptr;
  int tasks_;
  int at_a_time_;
  int started_ = 0;
  int ended_ = 0;
  std::mutex mutex_;
  std::condition_variable done_;
};

} // namespace

int main(int argc, char** argv) {
  const int tasks = argc > 1 ? std::atoi(argv[1]) : 5000;
  const int at_a_time = argc > 2 ? std::atoi(argv[2]) : 3;
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 3;
  auto floor = std::numeric_limits<double>::max();
  auto through = floor;
  for (int i = 0; i < rounds; ++i) {
    const auto b = bare(tasks, at_a_time);
    const auto l = round_trip{tasks, at_a_time}.run();
    std::printf("round %d: bare %.3f s, launcher %.3f s, ratio %.3f\n", i + 1, b, l, l / b);
    floor = std::min(floor, b);
    through = std::min(through, l);
  }
  std::printf("%d tasks, %d at a time: bare %.0f us, launcher %.0f us per task, ratio %.3f\n",
              tasks, at_a_time, 1e6 * floor / tasks, 1e6 * through / tasks, through / floor);
  return 0;
}
