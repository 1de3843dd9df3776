#include "actors/io/http.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

namespace aeo::io {

namespace {

constexpr int most_redirects = 5;
constexpr long slowest_bytes_per_second = 32;
constexpr std::size_t most_header_bytes = 32768;

using easy_handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using url_handle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;
using header_list = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

/// libcurl's global part, for as long as the process lives.
void init_once() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (done != CURLE_OK)
    throw std::runtime_error("libcurl cannot be initialized");
}

void append_header(header_list& list, const std::string& line) {
  if (auto* longer = curl_slist_append(list.get(), line.c_str())) {
    (void)list.release();
    list.reset(longer);
  }
}

std::string part_of(const url_handle& url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK)
    return {};
  std::string result{text};
  curl_free(text);
  return result;
}

url_handle parse(const std::string& text) {
  url_handle url{curl_url(), curl_url_cleanup};
  if (url && curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK)
    url.reset();
  return url;
}

bool same_server(const std::string& a, const std::string& b) {
  const auto x = parse(a);
  const auto y = parse(b);
  if (!x || !y)
    return false;
  return std::ranges::all_of(std::array{CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT},
                             [&](CURLUPart part) { return part_of(x, part) == part_of(y, part); });
}

/// Where a Location header points, seen from `base`; empty: nowhere.
std::string resolve(const std::string& base, const std::string& location) {
  const auto url = parse(base);
  if (!url || curl_url_set(url.get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK)
    return {};
  return part_of(url, CURLUPART_URL);
}

/// Without the path: what an error may name.
std::string server_of(const std::string& text) {
  const auto url = parse(text);
  return url ? part_of(url, CURLUPART_HOST) + ":" + part_of(url, CURLUPART_PORT) : "the server";
}

http_fault fault_of(CURLcode code) {
  switch (code) {
  case CURLE_OK:
    return http_fault::none;
  case CURLE_COULDNT_RESOLVE_HOST:
    return http_fault::resolve;
  case CURLE_COULDNT_CONNECT:
    return http_fault::connect;
  case CURLE_COULDNT_RESOLVE_PROXY:
  case CURLE_PROXY:
    return http_fault::proxy;
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_SSL_CIPHER:
    return http_fault::handshake;
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_SSL_CERTPROBLEM:
    return http_fault::tls;
  case CURLE_OPERATION_TIMEDOUT:
    return http_fault::timeout;
  case CURLE_WRITE_ERROR:
  case CURLE_FILESIZE_EXCEEDED:
    return http_fault::too_large;
  case CURLE_ABORTED_BY_CALLBACK:
    return http_fault::stopped;
  case CURLE_URL_MALFORMAT:
  case CURLE_UNSUPPORTED_PROTOCOL:
  case CURLE_BAD_FUNCTION_ARGUMENT:
  case CURLE_OUT_OF_MEMORY:
    return http_fault::unusable;
  default:
    return http_fault::broken;
  }
}

bool is_redirect(long status) {
  return status == 301 || status == 302 || status == 307 || status == 308;
}

class curl_client : public http_client {
public:
  curl_client(http_options options, std::function<void(http_reply&&)> answer)
      : options_(std::move(options)), answer_(std::move(answer)) {
    init_once();
    thread_ = std::thread{[this] { work(); }};
  }

  ~curl_client() override {
    {
      const std::lock_guard guard{mutex_};
      over_ = true;
      give_up_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  void send(http_request request) override {
    {
      const std::lock_guard guard{mutex_};
      waiting_.push_back(std::move(request));
      give_up_ = false;
    }
    wake_.notify_one();
  }

  void stop() override { give_up_ = true; }

private:
  void work() {
    const easy_handle handle{curl_easy_init(), curl_easy_cleanup};
    std::unique_lock guard{mutex_};
    for (;;) {
      wake_.wait(guard, [this] { return over_ || !waiting_.empty(); });
      if (over_)
        return;
      auto request = std::move(waiting_.front());
      waiting_.pop_front();
      guard.unlock();
      auto reply = handle ? perform(handle.get(), request)
                          : http_reply{.fault = http_fault::unusable,
                                       .problem = "libcurl has no memory",
                                       .headers = {},
                                       .body = {},
                                       .moved_to = {}};
      guard.lock();
      if (over_)
        return;
      guard.unlock();
      answer_(std::move(reply));
      guard.lock();
    }
  }

  http_reply perform(CURL* curl, http_request request) {
    const auto deadline = std::chrono::steady_clock::now() + options_.timeout;
    std::string moved_to;
    for (int redirects = 0;; ++redirects) {
      auto reply = perform_once(curl, request, deadline);
      const auto location = reply.headers.find("location");
      if (!is_redirect(reply.status) || location == reply.headers.end()) {
        reply.moved_to = std::move(moved_to);
        return reply;
      }
      auto target = resolve(request.url, location->second);
      if (redirects == most_redirects || target.empty() || !same_server(request.url, target))
        return failed(http_fault::redirect,
                      redirects == most_redirects
                          ? server_of(request.url) + " redirects in circles"
                          : server_of(request.url) + " redirects to another server ("
                                + server_of(target) + "), which is not to have the token");
      moved_to = target;
      request.url = std::move(target);
    }
  }

  http_reply perform_once(CURL* curl, const http_request& request,
                          std::chrono::steady_clock::time_point deadline) {
    http_reply reply;
    collector into{&reply, options_.largest_body, &give_up_};
    std::array<char, CURL_ERROR_SIZE> text{};
    header_list headers{nullptr, curl_slist_free_all};
    curl_easy_reset(curl); // Keeps the connection.
    set_up(curl, request, headers);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, std::max<long>(left.count(), 1));
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text.data());
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &collector::take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &into);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &collector::take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &into);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &collector::go_on);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &into);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    const auto code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
    if (code != CURLE_OK)
      return failed(fault_of(curl, code),
                    server_of(request.url) + ": "
                        + (text[0] != '\0' ? text.data() : curl_easy_strerror(code)));
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    reply.status = static_cast<std::int32_t>(status);
    return reply;
  }

  void set_up(CURL* curl, const http_request& request, header_list& headers) const {
    curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    if (const char* file = std::getenv("SSL_CERT_FILE"); file != nullptr && *file != '\0')
      curl_easy_setopt(curl, CURLOPT_CAINFO, file);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(options_.connect_timeout.count()));
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, slowest_bytes_per_second);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options_.slow_for.count()));
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, options_.user_agent.c_str());
    append_header(headers, "Accept: application/vnd.github+json");
    append_header(headers, "X-GitHub-Api-Version: 2022-11-28");
    append_header(headers, "Expect:");
    if (!options_.token.empty())
      append_header(headers, "Authorization: Bearer " + options_.token);
    if (!request.etag.empty())
      append_header(headers, "If-None-Match: " + request.etag);
    if (request.method != "GET") {
      append_header(headers, "Content-Type: application/json");
      // On a connection that it used before and finds closed, libcurl would send the request once
      // more by itself: also one that the server has acted on.
      curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request.body.size()));
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
      curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    // For the server alone: a proxy is not to see the token.
    curl_easy_setopt(curl, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  }

  /// A proxy that turns us away shows as a failed CONNECT.
  static http_fault fault_of(CURL* curl, CURLcode code) {
    long proxy_status = 0;
    curl_easy_getinfo(curl, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
    if (code != CURLE_OK && proxy_status >= 300)
      return http_fault::proxy;
    return io::fault_of(code);
  }

  static http_reply failed(http_fault fault, std::string problem) {
    http_reply reply;
    reply.fault = fault;
    reply.problem = std::move(problem);
    return reply;
  }

  struct collector {
    http_reply* reply;
    std::size_t largest_body;
    const std::atomic<bool>* give_up;
    std::size_t header_bytes = 0;

    static std::size_t take_body(char* data, std::size_t, std::size_t size, void* to) {
      auto& self = *static_cast<collector*>(to);
      if (self.reply->body.size() + size > self.largest_body)
        return 0;
      self.reply->body.append(data, size);
      return size;
    }

    static std::size_t take_header(char* data, std::size_t, std::size_t size, void* to) {
      auto& self = *static_cast<collector*>(to);
      const std::string_view line{data, size};
      if (line.starts_with("HTTP/"))
        self.reply->headers.clear(); // Of an interim answer, or of the proxy.
      self.header_bytes += size;
      if (self.header_bytes > most_header_bytes)
        return 0;
      const auto colon = line.find(':');
      if (colon == line.npos)
        return size;
      std::string name{line.substr(0, colon)};
      std::ranges::transform(name, name.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      });
      const auto begin = line.find_first_not_of(" \t", colon + 1);
      const auto end = line.find_last_not_of(" \t\r\n");
      self.reply->headers[name] =
          begin == line.npos || end < begin ? "" : line.substr(begin, end - begin + 1);
      return size;
    }

    static int go_on(void* from, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
      return *static_cast<collector*>(from)->give_up ? 1 : 0;
    }
  };

  http_options options_;
  std::function<void(http_reply&&)> answer_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<http_request> waiting_;
  bool over_ = false;
  std::atomic<bool> give_up_ = false;
  std::thread thread_;
};

} // namespace

std::unique_ptr<http_client> make_http_client(http_options options,
                                              std::function<void(http_reply&&)> answer) {
  return std::make_unique<curl_client>(std::move(options), std::move(answer));
}

} // namespace aeo::io
