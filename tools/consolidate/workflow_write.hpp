#pragma once

#include "tools/consolidate/run_settings.hpp"
#include "tools/consolidate/step.hpp"

#include <functional>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// A job of the generated workflow: one suite that phase 5 ran.
struct suite_job {
  std::string id;        ///< in the workflow
  std::string suite;     ///< id in testing_results.json
  std::string directory; ///< "" is the top
  std::string run;       ///< the shell lines that run it
};

struct written_workflow {
  std::string text;
  std::vector<suite_job> jobs;
};

/// Writes the workflow for these suites (entries of testing_results.json). `has` tells if the
/// monorepo has a file; `branch` is the one that is pushed to.
written_workflow write_workflow(const ordered& testing_results, const pipeline_settings& settings,
                                const std::function<bool(const std::string&)>& has,
                                const std::string& branch);

} // namespace aeo::consolidate
