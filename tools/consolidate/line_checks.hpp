#pragma once

#include "tools/consolidate/line_engine.hpp"
#include "tools/consolidate/security_rules.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

struct check_hit {
  std::uint32_t rule = 0; ///< a check, or a route from `first_route` on
  std::uint32_t line = 0; ///< from 1
};

/// Lines that a check or a route rule matches; lines that are comments are left out. Safe to share
/// between threads.
class line_checker {
public:
  explicit line_checker(const security_rules& rules);

  /// One hit for each rule and line, in order of the lines.
  std::vector<check_hit> search(std::string_view path, std::string_view language,
                                std::string_view text) const;

  std::size_t first_route() const { return checks_.size(); }
  const line_check& check(std::size_t index) const { return checks_[index]; }
  const route_rule& route(std::size_t index) const { return routes_[index - checks_.size()]; }
  const re2::RE2* chain(std::size_t index) const { return of(chains_, index); }
  const re2::RE2* prefix(std::size_t index) const { return of(prefixes_, index); }
  const re2::RE2& expression(std::size_t index) const { return engine_->expression(index); }
  const std::string& digest() const { return digest_; }

private:
  using expressions = std::vector<std::unique_ptr<re2::RE2>>;

  const re2::RE2* of(const expressions& list, std::size_t index) const {
    return list[index - checks_.size()].get();
  }
  void add_routes(std::vector<line_engine::pattern>& patterns);
  /// That what the route is registered with is a router: by its name, or as the file made it.
  bool has_router(std::size_t index, std::string_view line, std::string_view text) const;
  bool applies(std::size_t index, std::string_view path, std::string_view language) const;

  std::vector<line_check> checks_;
  std::vector<route_rule> routes_;
  expressions unless_;                                 ///< parallel to checks_; nullptr: none
  expressions receivers_, makers_, chains_, prefixes_; ///< parallel to routes_; nullptr: none
  std::unique_ptr<line_engine> engine_;
  std::string digest_;
};

} // namespace aeo::consolidate
