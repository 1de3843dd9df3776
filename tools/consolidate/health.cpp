#include "tools/consolidate/health.hpp"

#include "tools/consolidate/paths.hpp"

#include <curl/curl.h>

#include <cmath>
#include <memory>

namespace aeo::consolidate {

namespace {

std::size_t discard(char*, std::size_t size, std::size_t count, void*) {
  return size * count;
}

/// The URL without user, password and query, which may be secrets.
std::string without_secrets(const std::string& url) {
  auto text = url.substr(0, url.find_first_of("?#"));
  const auto host = text.find("://") + 3;
  const auto at = text.find('@', host);
  if (at != std::string::npos && at < std::min(text.find('/', host), text.size()))
    text.erase(host, at - host + 1);
  return text;
}

} // namespace

ordered ask_health(const std::optional<std::string>& url) {
  if (!url)
    return not_measured("no health_url is configured for it");
  const std::unique_ptr<CURL, void (*)(CURL*)> handle(curl_easy_init(), curl_easy_cleanup);
  if (handle == nullptr)
    return not_measured("libcurl could not be started");
  curl_easy_setopt(handle.get(), CURLOPT_URL, url->c_str());
  curl_easy_setopt(handle.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT_MS, 5000L);
  curl_easy_setopt(handle.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, discard);
  const auto code = curl_easy_perform(handle.get());
  const auto shown = printable(without_secrets(*url), 300);
  if (code != CURLE_OK) {
    auto answer = not_measured(std::string("no answer: ") + curl_easy_strerror(code));
    answer["url"] = shown;
    return answer;
  }
  long status = 0;
  double seconds = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(handle.get(), CURLINFO_TOTAL_TIME, &seconds);
  return {{"status", status >= 200 && status < 300 ? "healthy" : "unhealthy"},
          {"url", shown},
          {"http_status", status},
          {"milliseconds", std::llround(seconds * 1000)}};
}

} // namespace aeo::consolidate
