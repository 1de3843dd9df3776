#include "tools/consolidate/load.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/interrupt.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cmath>
#include <memory>

namespace aeo::consolidate {

namespace {

using std::chrono::steady_clock;
using easy_handle = std::unique_ptr<CURL, void (*)(CURL*)>;

std::size_t swallow(char*, std::size_t size, std::size_t count, void*) {
  return size * count;
}

easy_handle local_request(const std::string& url, std::chrono::milliseconds limit) {
  easy_handle handle(curl_easy_init(), curl_easy_cleanup);
  if (handle == nullptr)
    throw failure(exit_status::try_again, "libcurl could not be started");
  auto* h = handle.get();
  curl_easy_setopt(h, CURLOPT_URL, url.c_str());
  curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(h, CURLOPT_PROXY, "");
  curl_easy_setopt(h, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(h, CURLOPT_INTERFACE, "if!lo"); // whatever the name says: nothing leaves
  curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, swallow);
  curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
  return handle;
}

class load_generator {
public:
  explicit load_generator(const load_plan& plan)
      : plan_(plan), multi_(curl_multi_init(), curl_multi_cleanup), start_(steady_clock::now()),
        deadline_(start_ + plan.duration) {}
  ~load_generator() {
    for (const auto& handle : handles_)
      curl_multi_remove_handle(multi_.get(), handle.get());
  }
  load_generator(const load_generator&) = delete;
  load_generator& operator=(const load_generator&) = delete;

  load_result run() {
    const auto width = std::min(plan_.concurrency, plan_.requests);
    for (std::size_t i = 0; i < width; ++i) {
      handles_.push_back(local_request(plan_.url, plan_.duration));
      begin(handles_.back().get());
    }
    int running = 1;
    while (running > 0 && steady_clock::now() < deadline_) {
      curl_multi_perform(multi_.get(), &running);
      if (collect())
        running = 1;
      else if (running > 0)
        curl_multi_poll(multi_.get(), nullptr, 0, 100, nullptr);
      interrupt_guard::check();
    }
    result_.seconds = std::chrono::duration<double>(steady_clock::now() - start_).count();
    std::ranges::sort(result_.milliseconds);
    return std::move(result_);
  }

private:
  void begin(CURL* handle) {
    ++begun_;
    curl_multi_add_handle(multi_.get(), handle);
  }

  /// True if a request was begun.
  bool collect() {
    bool more = false;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE)
        continue;
      auto* handle = message->easy_handle;
      const auto code = message->data.result;
      curl_multi_remove_handle(multi_.get(), handle);
      record(handle, code);
      if (begun_ < plan_.requests && steady_clock::now() < deadline_) {
        begin(handle);
        more = true;
      }
    }
    return more;
  }

  void record(CURL* handle, CURLcode code) {
    ++result_.requests;
    long status = 0;
    curl_off_t microseconds = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(handle, CURLINFO_TOTAL_TIME_T, &microseconds);
    if (code == CURLE_OK)
      result_.milliseconds.push_back(static_cast<double>(microseconds) / 1000);
    if (code == CURLE_OK && status < 400)
      return;
    ++result_.errors;
    ++result_.kinds[code == CURLE_OK ? "HTTP " + std::to_string(status)
                                     : std::string(curl_easy_strerror(code))];
  }

  const load_plan& plan_;
  std::unique_ptr<CURLM, CURLMcode (*)(CURLM*)> multi_;
  steady_clock::time_point start_;
  steady_clock::time_point deadline_;
  std::vector<easy_handle> handles_;
  std::size_t begun_ = 0;
  load_result result_;
};

} // namespace

double percentile(const std::vector<double>& sorted, double percent) {
  const auto rank =
      static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

std::map<std::string, double> load_result::metrics() const {
  const auto rounded = [](double value) { return std::round(value * 1000) / 1000; };
  const auto count = static_cast<double>(requests);
  std::map<std::string, double> out{
      {"requests", count}, {"errors", static_cast<double>(errors)}, {"seconds", rounded(seconds)}};
  if (requests > 0)
    out["error_rate"] = static_cast<double>(errors) / count;
  if (seconds > 0)
    out["throughput"] = rounded(count / seconds);
  if (milliseconds.empty())
    return out;
  out["p50_ms"] = rounded(percentile(milliseconds, 50));
  out["p95_ms"] = rounded(percentile(milliseconds, 95));
  out["p99_ms"] = rounded(percentile(milliseconds, 99));
  out["max_ms"] = rounded(milliseconds.back());
  return out;
}

load_result send_load(const load_plan& plan) {
  return load_generator(plan).run();
}

long ask_status(const std::string& url, std::chrono::milliseconds limit) {
  const auto handle = local_request(url, limit);
  long status = 0;
  if (curl_easy_perform(handle.get()) == CURLE_OK)
    curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  return status;
}

} // namespace aeo::consolidate
