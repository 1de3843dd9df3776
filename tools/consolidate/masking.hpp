#pragma once

#include "tools/consolidate/secrets.hpp"
#include "tools/consolidate/step.hpp"

namespace aeo::consolidate {

/// `text` as what a variable `key` is given, masked: `"password": "..."` is a secret by its key.
std::string masked_value(const std::string& key, const std::string& text,
                         const secret_scanner& scanner, const secret_marker& marker = mark_secret);

/// Puts `[secret]` into the place of whatever a rule knows as a secret, in all texts and keys.
void mask_secrets(ordered& value, const secret_scanner& scanner);

/// Masks what a program of someone else writes into `file` of ours, once that has ended, if it has
/// any secret: in bounded memory, whatever its size; the file is replaced as a whole.
class log_mask {
public:
  log_mask(const step_context& context, std::string file)
      : context_(context), file_(std::move(file)) {}
  /// Where the step ends early, without a word if that fails as well.
  ~log_mask();
  log_mask(const log_mask&) = delete;
  log_mask& operator=(const log_mask&) = delete;

  /// Throws `failure` (try again).
  void finish();

private:
  const step_context& context_;
  std::string file_;
  bool finished_ = false;
};

} // namespace aeo::consolidate
