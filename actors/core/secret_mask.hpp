#pragma once

// Keeps secrets out of everything that leaves: reports, events, console lines, logs, comments.

#include "config/plan.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace aeo::core {

/// Replaces the values of secret variables by `***NAME***` wherever they stand in a text: plain,
/// base64 (standard and URL alphabet, at any alignment) and hex, both also wrapped into lines,
/// URL-encoded, and JSON-escaped (twice too). Of a long secret each stretch of 64 bytes is enough.
/// Immutable: usable from any thread; cheap to copy.
///
/// A variable is secret by its name (config::is_secret_name: *TOKEN* *SECRET* *PASSWORD* *KEY*).
/// Each line of a value is a secret of its own. Not masked is what would make every text
/// unreadable: lines of less than 4 bytes, digits only of less than 6, words like "true" or "none",
/// a repeated punctuation mark, PEM header lines. All else is, paths too (SSH_KEY_FILE=/etc/key
/// hides
/// "/etc/key"): too much hidden harms less than a secret shown.
///
/// A JSON text stays valid when masked, but for two rare cases: a number that equals a digits-only
/// secret, and a secret with a double quote, which may be one of the JSON's own. Mask a text before
/// cutting it: half a short secret is not recognized.
class secret_mask {
public:
  secret_mask() = default; ///< Masks nothing.
  explicit secret_mask(const env_list& environment);

  /// There is nothing to mask: mask() only copies, apply() does nothing.
  bool empty() const { return !table_; }
  std::string mask(std::string_view text) const;
  /// In place; true when something was masked.
  bool apply(std::string& text) const;
  /// A JSON document with its strings and keys masked one by one: what comes out is JSON, too. Text
  /// that is no JSON is masked as text.
  std::string mask_json(std::string_view text) const;

private:
  friend class mask_stream;
  struct table;
  std::shared_ptr<const table> table_;
};

/// Masks a text that comes in pieces: what it returns, joined, equals mask() of the pieces joined,
/// wherever they were cut. Holds back less than 160 bytes, and backslashes at the end.
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
  std::size_t covered_ = 0;      ///< Bytes at the front of held_ that a marker stands for.
  std::uint32_t owner_ = nobody; ///< Whose marker was the last thing written, if it was.
  static constexpr std::uint32_t nobody = 0xffffffff;
};

} // namespace aeo::core
