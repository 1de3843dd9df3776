#pragma once

#include <string>
#include <string_view>

namespace aeo::consolidate {

/// Whether a filter chain of Spring, in Java or in Kotlin's own way of writing it, asks who calls
/// that route; `method` empty: any. False if its text does not tell.
bool spring_chain_guards(std::string_view text, const std::string& method, std::string_view route);

} // namespace aeo::consolidate
