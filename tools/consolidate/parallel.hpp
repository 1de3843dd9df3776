#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace aeo::consolidate {

/// Calls `work(i)` for every i below `count`, on all processors. The first exception is thrown
/// again when all threads have ended.
template <class Work>
void for_each_parallel(std::size_t count, Work work) {
  std::atomic<std::size_t> next = 0;
  std::exception_ptr problem;
  std::mutex mutex;
  const auto run = [&] {
    for (std::size_t i = 0; (i = next++) < count;) {
      try {
        work(i);
      } catch (const std::exception&) {
        const std::lock_guard lock(mutex);
        problem = problem == nullptr ? std::current_exception() : problem;
        next = count;
      }
    }
  };
  const auto cores = std::max(1U, std::thread::hardware_concurrency());
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < std::min<std::size_t>(cores, count); ++i)
      threads.emplace_back(run);
    run();
  }
  if (problem != nullptr)
    std::rethrow_exception(problem);
}

} // namespace aeo::consolidate
