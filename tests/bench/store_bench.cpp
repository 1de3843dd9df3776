// Appends events to a database and prints what it costs: CPU time per event, and how long an append
// takes. Not a test: run it by hand, in the folder whose disk is meant.
//   store_bench [EVENTS [BATCH]]

#include "actors/io/state_file.hpp"
#include "actors/io/store.hpp"
#include "messages/actors.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <vector>

using namespace aeo;
using std::chrono::steady_clock;

namespace {

double cpu_us() {
  struct rusage usage {};
  getrusage(RUSAGE_SELF, &usage);
  return 1e6 * static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
         + static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

double user_us() {
  struct rusage usage {};
  getrusage(RUSAGE_SELF, &usage);
  return 1e6 * static_cast<double>(usage.ru_utime.tv_sec)
         + static_cast<double>(usage.ru_utime.tv_usec);
}

double us_since(steady_clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(steady_clock::now() - begin).count();
}

std::vector<event> make_batch(std::size_t first, std::size_t size) {
  std::vector<event> result(size);
  for (std::size_t i = 0; i < size; ++i) {
    auto& e = result[i];
    e.time_us = 1'700'000'000'000'000 + static_cast<std::int64_t>(first + i);
    e.kind = event_kind::task_finished;
    e.phase = std::to_string((first + i) / 4);
    e.task = "T" + std::to_string((first + i) % 4);
    e.attempt = 1;
    e.data = R"({"ok":true,"kind":"exited","code":0,"pid":12345,"ms":12,"cpu_ms":3,)"
             R"("peak_rss_kb":2048,"started_us":1700000000000000,"log_bytes":0})";
  }
  return result;
}

int fail(const caf::error& err) {
  std::fprintf(stderr, "%s\n", message_of(err).c_str());
  return 1;
}

int bench_state_file(const std::filesystem::path& file, std::size_t phases) {
  plan p;
  core::execution_state s;
  for (std::size_t i = 0; i < phases; ++i) {
    p.phases.emplace_back().id = std::to_string(i);
    auto& phase = s.phases.emplace_back();
    phase.status = phase_status::approved;
    phase.started_us = phase.ended_us = 1'700'000'000'000'000;
    phase.detail = R"({"by":"criteria","criteria":[],"outputs":[{"path":"a/b.json","bytes":7}]})";
    phase.done = {"T1", "T2"};
  }
  const auto cpu = cpu_us();
  const auto begin = steady_clock::now();
  if (auto err = io::write_state_file(file, p, s))
    return fail(err);
  std::printf("state file, %zu phases: %.1f ms (CPU %.1f ms), %.1f MB\n", phases,
              us_since(begin) / 1e3, (cpu_us() - cpu) / 1e3,
              static_cast<double>(std::filesystem::file_size(file)) / 1e6);
  const auto again = steady_clock::now();
  const auto cpu_again = cpu_us();
  auto back = io::read_state_file(file, p);
  if (!back)
    return fail(back.error());
  std::printf("  read back: %.1f ms (CPU %.1f ms)\n", us_since(again) / 1e3,
              (cpu_us() - cpu_again) / 1e3);
  return 0;
}

// The disk's own share: as many bytes as a batch has, written in place and synced.
double plain_sync_us(std::size_t size, int rounds) {
  const std::string bytes(size * 400, 'x');
  const int fd = ::open("store_bench.sync", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  std::vector<double> took;
  for (int i = 0; i < rounds; ++i) {
    const auto begin = steady_clock::now();
    if (::pwrite(fd, bytes.data(), bytes.size(), 0) < 0 || ::fdatasync(fd) != 0)
      break;
    took.push_back(us_since(begin));
  }
  ::close(fd);
  std::filesystem::remove("store_bench.sync");
  std::sort(took.begin(), took.end());
  return took.empty() ? 0 : took[took.size() / 2];
}

} // namespace

int main(int argc, char** argv) {
  init_messages();
  const std::size_t events = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 50'000;
  const std::size_t size = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 20;
  const std::filesystem::path file = "store_bench.db";
  std::filesystem::remove(file);
  auto store = io::open_store(file);
  if (!store)
    return fail(store.error());
  if (auto err = (*store)->begin_execution({"bench", 1, "", "", ""}))
    return fail(err);
  std::vector<double> took;
  double cpu = 0;
  double user = 0;
  for (std::size_t i = 0; i < events; i += size) {
    auto batch = make_batch(i, size);
    const auto cpu_before = cpu_us();
    const auto user_before = user_us();
    const auto begin = steady_clock::now();
    if (auto err = (*store)->append("bench", batch))
      return fail(err);
    took.push_back(us_since(begin));
    cpu += cpu_us() - cpu_before;
    user += user_us() - user_before;
  }
  std::sort(took.begin(), took.end());
  const auto at = [&took](double part) {
    return took[static_cast<std::size_t>(part * static_cast<double>(took.size() - 1))];
  };
  std::printf("append, %zu events in batches of %zu: CPU %.2f us/event (user %.2f)\n", events, size,
              cpu / static_cast<double>(events), user / static_cast<double>(events));
  std::printf("  per append: median %.0f us, p99 %.0f us, p99.9 %.0f us, max %.0f us\n", at(0.5),
              at(0.99), at(0.999), at(1));
  std::printf("  a plain write and fdatasync of as many bytes: median %.0f us\n",
              plain_sync_us(size, 500));
  auto begin = steady_clock::now();
  std::size_t seen = 0;
  if (auto err = (*store)->read("bench", 0, [&](event&&) { return ++seen != 0; }))
    return fail(err);
  std::printf("read with hashes: %.2f us/event\n", us_since(begin) / static_cast<double>(seen));
  begin = steady_clock::now();
  if (auto fault = (*store)->verify(); !fault || *fault)
    return 1;
  std::printf("verify: %.2f us/event\n", us_since(begin) / static_cast<double>(seen));
  store->reset();
  std::filesystem::remove(file);
  const auto result = bench_state_file("store_bench.json", 100'000);
  std::filesystem::remove("store_bench.json");
  return result;
}
