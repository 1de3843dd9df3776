#pragma once

#include "actors/supervisor.hpp"
#include "tools/node/session.hpp"

namespace aeo::node {

/// What the supervisor reaches GitHub with; null when github_config.json does not enable it.
std::unique_ptr<github_service> make_github(const options&, const configuration&);

} // namespace aeo::node
