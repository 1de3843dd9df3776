#include "actors/io/scheduling.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace aeo::io {

namespace {

/// struct sched_attr of linux/sched/types.h, which newer C libraries declare in another way.
struct scheduling {
  std::uint32_t size = sizeof(scheduling);
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0; ///< ns; of an ordinary process: its slice.
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

constexpr std::uint64_t shortest_slice_ns = 100'000;
constexpr std::uint64_t usual_slice = 0;

/// What is forked begins without a slice of its own, but also without a niceness below 0 and as an
/// ordinary process.
constexpr std::uint64_t reset_on_fork = 1;

bool get(scheduling& to) {
  return ::syscall(SYS_sched_getattr, 0, &to, sizeof to, 0) == 0;
}

void set_slice(std::uint64_t ns, std::uint64_t flags = 0) {
  scheduling wish; // What else is set stays so, the niceness first of all.
  if (!get(wish))
    return;
  wish.runtime = ns;
  wish.flags |= flags;
  ::syscall(SYS_sched_setattr, 0, &wish, 0);
}

} // namespace

void prefer_short_waits() {
  set_slice(shortest_slice_ns);
}

void prefer_short_waits_alone() {
  scheduling now;
  const auto nothing_to_lose = get(now) && now.policy == 0 && now.nice >= 0;
  set_slice(shortest_slice_ns, nothing_to_lose ? reset_on_fork : 0);
}

bool hands_on_short_waits() {
  scheduling now;
  return !get(now) || (now.flags & reset_on_fork) == 0;
}

void prefer_usual_waits() {
  set_slice(usual_slice);
}

} // namespace aeo::io
