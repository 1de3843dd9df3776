#pragma once

#include "tools/consolidate/secrets.hpp"
#include "tools/consolidate/step.hpp"

namespace aeo::consolidate {

/// `text` as what a variable `key` is given, masked: `"password": "..."` is a secret by its key.
std::string masked_value(const std::string& key, const std::string& text,
                         const secret_scanner& scanner, std::string_view marker = "[secret]");

/// Puts `[secret]` into the place of whatever a rule knows as a secret, in all texts and keys.
void mask_secrets(ordered& value, const secret_scanner& scanner);

/// Masks what a program of someone else wrote into `file` of ours, if that has any secret. In
/// bounded memory, whatever its size; it is replaced as a whole. Throws `failure` (try again).
void mask_log(const step_context& context, const std::string& file);

} // namespace aeo::consolidate
