#pragma once

#include "tools/consolidate/step.hpp"

namespace aeo::consolidate {

/// Phase 1, repository analysis. Output keys are stable; counts are measured.
///
/// repository-manifests: `manifests_found manifests_parsed manifests_unparsable
/// manifests_unlisted manifests[]: repository path type name version dependencies resolved error`.
/// `manifests_found` counts file names and included files, the list counts results: unlisted is
/// their difference. A manifest without a parser is unparsable, and `error` says so.
step_result repository_manifests(const step_context& context);
/// `duplicate_groups duplicate_files duplicate_bytes groups_across_repositories empty_files
/// groups[]: oid bytes across_repositories files[]`
step_result workspace_duplicates(const step_context& context);
/// `technologies_total technologies[]: name role repositories[] evidence[]; languages[]`
step_result technologies(const step_context& context);
/// `dependencies_total packages_total by_ecosystem{} packages_shared packages[]: ecosystem name
/// uses[]: repository path line constraint scope`
step_result dependencies(const step_context& context);

} // namespace aeo::consolidate
