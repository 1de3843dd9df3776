#pragma once

namespace aeo::node {

/// As the first process of a container this one is the parent of every orphan there, and the kernel
/// keeps most signals from it. Then it goes on as another process: this call returns in that one
/// only (the signal mask as it was), while the first one reaps what ends, passes signals on, and
/// ends with the other's exit code. As any other process: returns at once. Before there are
/// threads.
void go_on_below_init();

} // namespace aeo::node
