// How much more the launcher costs than the processes themselves: the same number of `true`, so
// many at a time, through client and launcher and in a bare posix_spawn loop, alternating in one
// run. Prints the ratio of the best rounds; asserts nothing.
//
//   launcher_bench [TASKS [AT_A_TIME [ROUNDS]]]

#include "actors/io/launcher_folder.hpp"
#include "tests/fixtures/launcher_rig.hpp"

#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>

namespace {

using namespace aeo;
using clock_type = std::chrono::steady_clock;

/// CPU time of this process and its waited children.
double own_cpu() {
  double sum = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage x{};
    ::getrusage(who, &x);
    for (const auto& t : {x.ru_utime, x.ru_stime})
      sum += static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  }
  return sum;
}

/// CPU time of the workspace's launcher and its waited children.
double launcher_cpu(const std::filesystem::path& workspace) {
  std::string why;
  const auto folder = io::open_launcher_folder(workspace, why);
  const auto pid = io::launcher_lock{folder.get()}.holder();
  std::ifstream stat{"/proc/" + std::to_string(pid) + "/stat"};
  std::string field;
  double ticks = 0;
  for (int i = 1; i <= 17 && stat >> field; ++i) // Its name has no space.
    if (i >= 14)
      ticks += std::stod(field);
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

struct cost {
  double wall = std::numeric_limits<double>::max();
  double cpu = std::numeric_limits<double>::max();
};

double seconds_since(clock_type::time_point start) {
  return std::chrono::duration<double>(clock_type::now() - start).count();
}

cost bare(int tasks, int at_a_time) {
  const auto cpu = own_cpu();
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
  return {seconds_since(start), own_cpu() - cpu};
}

class round_trip {
public:
  round_trip(int tasks, int at_a_time) : tasks_{tasks}, at_a_time_{at_a_time} {}

  cost run() {
    const auto launched = io::connect_launcher(
        fixtures::launcher_of(workspace_.path()),
        {[](task_start&&) {}, [this](task_exit&& x) { exited(x); }, [](const std::string&) {}});
    if (!launched) {
      std::fprintf(stderr, "%s\n", message_of(launched.error()).c_str());
      std::exit(1);
    }
    client_ = launched->client.get();
    const auto cpu = own_cpu() + launcher_cpu(workspace_.path());
    const auto start = clock_type::now();
    {
      const std::lock_guard lock{mutex_};
      for (int i = 0; i < std::min(at_a_time_, tasks_); ++i)
        start_next();
    }
    std::unique_lock lock{mutex_};
    done_.wait(lock, [this] { return ended_ == tasks_; });
    const auto wall = seconds_since(start);
    return {wall, own_cpu() + launcher_cpu(workspace_.path()) - cpu};
  }

private:
  static void check(const caf::error& err) {
    if (err)
      std::fprintf(stderr, "%s\n", message_of(err).c_str());
  }
  void start_next() {
    auto spec = fixtures::make_task(workspace_.path(), "T" + std::to_string(++started_), {"true"});
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
  cost floor;
  cost through;
  for (int i = 0; i < rounds; ++i) {
    const auto b = bare(tasks, at_a_time);
    const auto l = round_trip{tasks, at_a_time}.run();
    std::printf(
        "round %d: bare %.3f s (cpu %.3f), launcher %.3f s (cpu %.3f), ratio %.3f (cpu %.3f)\n",
        i + 1, b.wall, b.cpu, l.wall, l.cpu, l.wall / b.wall, l.cpu / b.cpu);
    floor = {std::min(floor.wall, b.wall), std::min(floor.cpu, b.cpu)};
    through = {std::min(through.wall, l.wall), std::min(through.cpu, l.cpu)};
  }
  std::printf(
      "%d tasks, %d at a time: bare %.0f us, launcher %.0f us per task, ratio %.3f (cpu %.3f)\n",
      tasks, at_a_time, 1e6 * floor.wall / tasks, 1e6 * through.wall / tasks,
      through.wall / floor.wall, through.cpu / floor.cpu);
  return 0;
}
