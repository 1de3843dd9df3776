#pragma once

#include "tools/consolidate/backup.hpp"
#include "tools/consolidate/process.hpp"
#include "tools/consolidate/restore_check.hpp"

#include <string>
#include <utility>
#include <vector>

namespace aeo::consolidate {

/// Everything that one recovery drill found out.
struct drill {
  backup_set set;
  std::string database; ///< what is wrong with its snapshot
  process_result restore;
  double restore_seconds = 0;
  double backup_seconds = 0;
  comparison outputs;
  comparison refs;
  comparison work_tree;
  std::size_t uncommitted = 0;
  ordered commands = ordered::array(); ///< of the configuration, as they ended
  std::size_t commands_failed = 0;
  bool carried = false; ///< there is a copy elsewhere
  bool fetched = false; ///< what was restored is that copy
  bool bundle_complete = false;
  bool fsck_clean = false;
  std::int64_t completed_ns = 0;
  std::vector<std::pair<std::string, std::uint64_t>> files; ///< of the backup: name and bytes
  bool kept = false;                                        ///< it is consolidation/backup now
};

/// Backs up, lets the configured commands carry the backup away, restores it elsewhere with the
/// very script that it carries, compares. One drill per workspace at a time: `failure` (try again).
/// A backup whose restored content is what `accept` likes takes the place of consolidation/backup.
drill run_drill(const step_context& context, bool (*accept)(const drill&));

} // namespace aeo::consolidate
