#pragma once

// The hash chain over the events. The hash of a row is the SHA-256 of these bytes, one after the
// other; numbers are little-endian:
//
//   8  seq              8  time_us          4  kind            4  attempt
//   4  length, then the bytes of the execution's id; the same for phase, task and data
//   32 the hash of the row before it (zeros for the first)
//
// A row stores the hash of the row before it; the newest row's hash is the head.

#include "messages/execution.hpp"

#include <array>
#include <memory>
#include <string>

namespace aeo::io {

using row_hash = std::array<unsigned char, 32>;

/// 64 lower-case hex digits.
std::string to_hex(const row_hash&);

/// Hashes rows and executions; keeps its buffers, so that hashing allocates nothing.
class chain_hasher {
public:
  chain_hasher();
  ~chain_hasher();
  chain_hasher(const chain_hasher&) = delete;
  chain_hasher& operator=(const chain_hasher&) = delete;

  row_hash operator()(const event&, const std::string& execution, const row_hash& before);
  /// Of any texts, each with its length before it.
  row_hash of_texts(std::initializer_list<std::string_view>);

private:
  row_hash digest();

  struct algorithm;
  std::unique_ptr<algorithm> algorithm_;
  std::string bytes_;
};

} // namespace aeo::io
