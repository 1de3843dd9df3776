#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_st;

namespace aeo::core {

/// OpenSSL's SHA-256, looked up by name once: that costs more than hashing a short text. Not null.
const evp_md_st* sha256_algorithm();

/// SHA-256, fed piece by piece.
class sha256 {
public:
  sha256();
  ~sha256();
  sha256(sha256&&) noexcept;
  sha256& operator=(sha256&&) noexcept;

  sha256& update(std::string_view bytes);
  /// Feeds the length and then the bytes, so that ("ab", "c") and ("a", "bc") differ.
  sha256& field(std::string_view bytes);
  /// 64 lower-case hex digits; the object may only be destroyed afterwards.
  std::string hex();

private:
  struct context;
  std::unique_ptr<context> context_;
};

std::string sha256_hex(std::string_view bytes);

} // namespace aeo::core
