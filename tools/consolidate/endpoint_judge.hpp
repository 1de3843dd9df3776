#pragma once

#include "tools/consolidate/caller_check.hpp"
#include "tools/consolidate/guard_search.hpp"
#include "tools/consolidate/mounted_guards.hpp"

#include <vector>

namespace aeo::consolidate {

/// Tells what guards the endpoints of one repository, once `find_endpoints` has found them all.
/// What it is made with has to outlive it. Not to be shared between threads.
class endpoint_judge {
public:
  endpoint_judge(const security_rules& rules, const code_index& code, const guard_rules& guards,
                 const mounted_guards& mounted)
      : rules_(rules), code_(code), guards_(guards), mounted_(mounted), search_(code, guards),
        callers_(code, guards) {}

  /// Fills in the guards of an endpoint that runs `own`: its handler first, in its own file.
  void judge(endpoint& item, const std::vector<region>& own) const;

private:
  /// Of guards that are not in what an endpoint runs.
  struct outer_guards {
    std::vector<region> shared;   ///< They stand before it.
    std::vector<region> possible; ///< They may.
  };

  outer_guards guards_before(const endpoint& item, std::size_t c,
                             const std::vector<region>& parts) const;
  bool is_excused(const shared_guard& guard, const std::vector<region>& parts) const;
  void judge_webhook(endpoint& item, std::vector<region> parts,
                     const std::vector<region>& shared) const;

  const security_rules& rules_;
  const code_index& code_;
  const guard_rules& guards_;
  const mounted_guards& mounted_;
  guard_search search_;
  caller_check callers_;
};

} // namespace aeo::consolidate
