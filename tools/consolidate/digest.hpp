#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace aeo::consolidate {

/// A running hash, SHA-1 or SHA-256.
class digest {
public:
  /// `algorithm`: "sha1" or "sha256", git's own names for its object formats.
  explicit digest(std::string_view algorithm);
  void add(std::string_view bytes);
  std::string hex();

private:
  struct deleter {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, deleter> context_;
};

std::string sha256_hex(std::string_view bytes);
/// The id that git gives a file with this content.
std::string blob_id(std::string_view algorithm, std::string_view content);

} // namespace aeo::consolidate
