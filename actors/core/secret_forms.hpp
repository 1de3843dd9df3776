#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace aeo::core {

/// A way in which (a stretch of) a secret may be written.
struct secret_form {
  std::string text;   ///< 4 to 64 bytes.
  bool wraps = false; ///< May be broken into lines: base64 and hex.
};

/// Every form of every line of the value that is worth masking (see secret_mask); none when nothing
/// is.
std::vector<secret_form> secret_forms(std::string_view value);

} // namespace aeo::core
