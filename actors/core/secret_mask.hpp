#pragma once

// Keeps secrets out of everything that leaves: reports, events, console lines, logs, comments.

#include "config/plan.hpp"

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace aeo::core {

/// Replaces the values of secret variables by `***NAME***` wherever they stand in a text: plain,
/// base64 (standard and URL alphabet, at any alignment, wrapped into lines too), URL-encoded,
/// JSON-escaped (twice too) and hex. Immutable: usable from any thread; cheap to copy.
///
/// A variable is secret by its name (*TOKEN* *SECRET* *PASSWORD* *KEY*, in any case). Of a value
/// with several lines each line is a secret, of a long one each stretch of 64 bytes. What would
/// make texts unreadable is not masked: values and lines of less than 4 bytes, digits only of less
/// than 6, words like "true" or "none", PEM header lines. All else is masked, paths too
/// (SSH_KEY_FILE=/etc/key hides "/etc/key"): a path masked for nothing harms less than a
/// secret shown. The marker fits into a JSON string; digits-only secrets would also be masked
/// where they are a JSON number, so mask texts before they become JSON where that matters.
class secret_mask {
public:
  secret_mask() = default; ///< Masks nothing.
  explicit secret_mask(const env_list& environment);

  /// There is nothing to mask: mask() only copies, apply() does nothing.
  bool empty() const { return !table_; }
  std::string mask(std::string_view text) const;
  /// In place; true when something was masked.
  bool apply(std::string& text) const;

private:
  friend class mask_stream;
  struct table;
  std::shared_ptr<const table> table_;
};

/// True for the names above.
bool is_secret_variable(std::string_view name);

/// Masks a text that comes in pieces: what it returns, joined, equals mask() of the pieces joined,
/// wherever they were cut. Holds back at most the longest form of a secret (a few hundred bytes).
class mask_stream {
public:
  explicit mask_stream(secret_mask mask);
  /// What can be said safely so far.
  std::string write(std::string_view piece);
  /// The rest; the stream is new again afterwards.
  std::string finish();

private:
  secret_mask mask_;
  std::string held_;
  std::size_t covered_ = 0;      ///< Bytes at the front of held_ that a marker already stands for.
  std::uint32_t covered_by_ = 0; ///< The secret whose marker was written last.
};

} // namespace aeo::core
