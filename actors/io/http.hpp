#pragma once

// HTTP on a thread of its own: whoever asks never waits. One request at a time, in order: GitHub
// asks for that. The seam lets tests answer in a server's place.

#include "messages/http.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace aeo::io {

struct http_request {
  std::string method = "GET";
  std::string url;  ///< Absolute, http or https.
  std::string body; ///< JSON, or empty.
  std::string etag; ///< Only an answer other than this one's is wanted.
};

struct http_options {
  std::string token; ///< Secret. Goes into the Authorization header and nowhere else.
  std::string user_agent = "aeo";
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds timeout{30'000}; ///< Of a whole request, its redirects included.
  std::chrono::seconds slow_for{15};         ///< Less than 32 bytes a second for so long: given up.
  std::size_t largest_body = std::size_t{8} * 1024 * 1024;
};

class http_client {
public:
  virtual ~http_client() = default; ///< Gives up what is under way; no answer comes after it.
  /// Answered exactly once.
  virtual void send(http_request) = 0;
  /// The request under way, if any, is answered now: stopped.
  virtual void stop() = 0;
};

/// Over libcurl. Certificates are always verified, against SSL_CERT_FILE where that is set, else
/// the machine's. HTTPS_PROXY, HTTP_PROXY (lower case only) and NO_PROXY count as for curl. A
/// redirect is followed (the request repeated as it was, for 301, 302, 307, 308) only to the same
/// scheme, host and port. `answer` is called on the client's thread.
std::unique_ptr<http_client> make_http_client(http_options,
                                              std::function<void(http_reply&&)> answer);

} // namespace aeo::io
