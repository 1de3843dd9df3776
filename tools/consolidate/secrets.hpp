#pragma once

#include "tools/consolidate/line_engine.hpp"
#include "tools/consolidate/security_rules.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// A place that holds a secret. The secret itself is kept nowhere.
struct secret_hit {
  std::uint32_t rule = 0;   ///< index in secret_policy::rules
  std::uint32_t line = 0;   ///< from 1; in a binary file the lines are those of `grep -a`
  std::uint64_t offset = 0; ///< bytes before it, or before the encoded text that holds it
  std::uint32_t length = 0; ///< of the secret, in bytes
  std::string encoding;     ///< plain, base64, utf-16
  std::string fingerprint;  ///< keyed and cut: equal secrets have equal ones, and no way leads back
  std::string name;         ///< of the variable that it is given to, if one is there
};

/// Stands in a secret's place.
inline constexpr std::string_view masked_secret = "[secret]";
/// What shall stand in the place of this secret, or of this text that encodes some.
using secret_marker = std::function<std::string(std::string_view)>;
std::string mark_secret(std::string_view secret);

/// Finds secrets in bytes of any kind, also in base64 and UTF-16. Safe to share between threads.
class secret_scanner {
public:
  /// `key` keys the fingerprints: with another key they are others.
  secret_scanner(const secret_policy& policy, std::string key);

  /// Hits in order of their offsets.
  std::vector<secret_hit> search(std::string_view path, std::string_view bytes) const;

  /// The text with what `marker` says in each secret's place, and in that of whatever encodes one.
  /// Rules for some paths only are asked if they are for `.env`: lines of `NAME=value` stand
  /// anywhere.
  std::string masked(std::string_view text, const secret_marker& marker = mark_secret) const;

  bool empty() const { return rules_.empty(); }
  const secret_rule& rule(std::size_t index) const { return rules_[index]; }
  /// Changes when a rule, an exception or the key changes.
  const std::string& digest() const { return digest_; }

private:
  friend class secret_search;

  /// A secret_allowance, compiled; null: allows nothing.
  struct allowance {
    explicit allowance(const secret_allowance& from);
    std::unique_ptr<re2::RE2> values;
    std::unique_ptr<re2::RE2> lines;
    std::unique_ptr<re2::RE2> names;
  };

  /// `name`: of the variable that the secret is given to, if one is there.
  bool allowed(const secret_rule& rule, std::string_view secret, std::string_view line,
               const std::string& name) const;
  std::string fingerprint(std::string_view secret) const;

  std::vector<secret_rule> rules_;
  std::vector<std::string> allow_paths_;
  allowance any_;
  allowance generic_;
  std::string key_;
  std::string digest_;
  std::unique_ptr<line_engine> engine_;
};

/// The same for content that comes in pieces: memory stays bounded whatever its size.
class secret_stream {
public:
  secret_stream(const secret_scanner& scanner, std::string path)
      : scanner_(scanner), path_(std::move(path)) {}

  void add(std::string_view bytes);
  std::vector<secret_hit> finish();

private:
  void search(bool last);

  const secret_scanner& scanner_;
  std::string path_;
  std::string window_;
  std::uint64_t offset_ = 0;   ///< of the window in the content
  std::uint64_t reported_ = 0; ///< hits before this offset are known
  std::uint32_t line_ = 1;     ///< of the window's first byte
  std::vector<secret_hit> hits_;
};

/// Shannon entropy in bits per byte.
double entropy(std::string_view text);
/// `20-39`: how long a secret is, without saying it exactly.
std::string length_class(std::uint32_t length);
/// The key of this workspace's fingerprints, made at first use: `file` is readable by its owner
/// only and belongs into no report.
std::string fingerprint_key(const std::string& file);

} // namespace aeo::consolidate
