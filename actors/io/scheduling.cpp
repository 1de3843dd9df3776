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

constexpr std::uint64_t reset_on_fork = 1; // SCHED_FLAG_RESET_ON_FORK
constexpr std::uint64_t shortest_slice_ns = 100'000;

} // namespace

void prefer_short_waits(heirs who) {
  scheduling wish;
  if (::syscall(SYS_sched_getattr, 0, &wish, sizeof wish, 0) != 0)
    return;
  wish.runtime = shortest_slice_ns;
  if (who == heirs::nobody)
    wish.flags |= reset_on_fork;
  ::syscall(SYS_sched_setattr, 0, &wish, 0);
}

} // namespace aeo::io
