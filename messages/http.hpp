#pragma once

// What comes back from the thread that talks HTTP. Plain aggregates; no CAF header is needed.

#include "messages/enum_field.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace aeo {

/// Why there is no answer. After `timeout` and `broken` the server may have acted all the same.
enum class http_fault : std::uint8_t {
  none = 0,
  resolve = 1,   ///< The host's name is not known.
  connect = 2,   ///< Nobody answers there.
  tls = 3,       ///< The server cannot be trusted: nothing was sent.
  proxy = 4,     ///< The proxy cannot be had or refuses.
  timeout = 5,   ///< It took too long.
  broken = 6,    ///< The connection ended before the whole answer was there.
  too_large = 7, ///< The answer is longer than anybody expects.
  redirect = 8,  ///< The server points at another host, or in circles.
  stopped = 9,   ///< Given up by us.
  unusable = 10, ///< The request could not be made.
  handshake = 11 ///< No encryption came about: nothing was sent.
};

/// What became of an HTTP request.
struct http_reply {
  http_fault fault = http_fault::none;
  std::string problem;                        ///< Of a fault: in words; never has anything secret.
  std::int32_t status = 0;                    ///< 0: there is no answer.
  std::map<std::string, std::string> headers; ///< By name in lower case.
  std::string body;
  std::string moved_to; ///< Where redirects led; empty: there was none.
};

template <class Inspector>
bool inspect(Inspector& f, http_reply& x) {
  return f.object(x).fields(enum_field(f, "fault", x.fault, http_fault::handshake),
                            f.field("problem", x.problem), f.field("status", x.status),
                            f.field("headers", x.headers), f.field("body", x.body),
                            f.field("moved_to", x.moved_to));
}

} // namespace aeo
