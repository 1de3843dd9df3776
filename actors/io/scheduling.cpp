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

void set_slice(std::uint64_t ns) {
  scheduling wish; // What else is set stays so, the niceness first of all.
  if (::syscall(SYS_sched_getattr, 0, &wish, sizeof wish, 0) != 0)
    return;
  wish.runtime = ns;
  ::syscall(SYS_sched_setattr, 0, &wish, 0);
}

} // namespace

void prefer_short_waits() {
  set_slice(shortest_slice_ns);
}

void prefer_usual_waits() {
  set_slice(usual_slice);
}

} // namespace aeo::io
