#pragma once

#include <string>
#include <string_view>

namespace aeo::core {

/// The verdict of a JSON Schema (draft 7) on a document.
struct schema_verdict {
  bool measured = false; ///< False: `text` says why the schema could not be applied.
  bool passed = false;
  std::string text; ///< "valid", or the first violations: "/a/0: ... (and 3 more)".
};

/// Both texts are JSON. Only references within the schema ("#", "#/...") are followed, never a
/// network address. Refused as not measured: documents nested deeper than 128 levels, schemas that
/// refer to themselves without end, and strings of more than 8 KiB where the schema has patterns
/// (the regular expressions of the C++ library recurse once per character).
schema_verdict check_schema(std::string_view document, std::string_view schema);

} // namespace aeo::core
