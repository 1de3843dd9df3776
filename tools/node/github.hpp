#pragma once

#include "actors/supervisor.hpp"
#include "tools/node/session.hpp"

namespace aeo::node {

/// What the supervisor reaches GitHub with; null when github_config.json does not enable it.
std::unique_ptr<github_service> make_github(const options&, const configuration&);

/// --check-github: asks GitHub by reading alone and prints what it says. The exit code: 78 when
/// something would not work.
int check_github(const options&, const configuration&);

} // namespace aeo::node
