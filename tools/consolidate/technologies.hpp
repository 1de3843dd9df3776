#pragma once

#include <string_view>

namespace aeo::consolidate {

/// What a well-known dependency says about the component that has it.
struct technology {
  std::string_view ecosystem;
  std::string_view package; ///< exact, or a prefix that ends in `*`
  std::string_view name;
  std::string_view role; ///< server, front end, test, database, queue, ai, build, messaging
};

/// nullptr if it is none we know.
const technology* find_technology(std::string_view ecosystem, std::string_view package);

} // namespace aeo::consolidate
