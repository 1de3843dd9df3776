#pragma once

#include "tools/node/session.hpp"

namespace aeo::node {

/// Runs the session's execution to its end; the exit code.
int run_session(const options&, const configuration&, session&&);

/// Prints what a run would do and changes nothing; the exit code.
int dry_run(const options&, const configuration&);

} // namespace aeo::node
