#include "tools/consolidate/guard_rules.hpp"

#include "tools/consolidate/line_engine.hpp"
#include "tools/consolidate/piece.hpp"

namespace aeo::consolidate {

guard_rules::guard_rules(const security_rules& rules)
    : constant_time(rules.constant_time, line_engine::options()),
      authentication(rules.authentication, line_engine::options()),
      credentials(rules.credentials, line_engine::options()),
      enforces(rules.enforces, line_engine::options()),
      unauthorized(rules.unauthorized, line_engine::options()),
      forbidden(rules.forbidden, line_engine::options()),
      aborts(rules.aborts, line_engine::options()),
      not_refusals(rules.not_refusals, line_engine::options()),
      rate_limit(rules.rate_limit, line_engine::options()),
      middleware(rules.middleware, line_engine::options()),
      webhook_route(rules.webhook_route, line_engine::options()),
      public_routes(rules.public_routes, line_engine::options()),
      not_guards(rules.not_guards, line_engine::options()) {
  for (const auto& hook : rules.webhooks) {
    signatures.emplace_back(hook.signature, line_engine::options());
    routes.emplace_back(hook.route, line_engine::options());
    contexts.emplace_back(hook.context, line_engine::options());
  }
}

bool has(const re2::RE2& expression, std::string_view text) {
  return re2::RE2::PartialMatch(piece(text), expression);
}

} // namespace aeo::consolidate
