#pragma once

#include "tools/control/options.hpp"

namespace aeo::control {

/// credential issue, list and revoke: on the files of the workspace; the node sees it at once.
int manage_credentials(const options&);

} // namespace aeo::control
