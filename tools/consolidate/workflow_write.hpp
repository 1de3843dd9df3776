#pragma once

#include "tools/consolidate/run_settings.hpp"
#include "tools/consolidate/step.hpp"
#include "tools/consolidate/workflow_install.hpp"

#include <string>
#include <vector>

namespace aeo::consolidate {

/// A job of the generated workflow: one suite that phase 5 ran.
struct suite_job {
  std::string id;        ///< in the workflow
  std::string suite;     ///< id in testing_results.json
  std::string directory; ///< "" is the top
  std::string run;       ///< the shell lines that run it
  std::string unproven;  ///< why nothing shows that it can pass; empty: it passed here
};

struct written_workflow {
  std::string text;
  std::vector<suite_job> jobs;
};

/// Writes the workflow for these suites (entries of testing_results.json). `branch` is the one that
/// is pushed to. A job whose suite did not pass in phase 5 says so in a comment.
written_workflow write_workflow(const ordered& testing_results, const pipeline_settings& settings,
                                const committed_tree& tree, const std::string& branch);

} // namespace aeo::consolidate
