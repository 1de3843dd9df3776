#include "actors/io/own_memory.hpp"

#include <sys/prctl.h>

namespace aeo::io {

// Not RLIMIT_CORE: handlers in core_pattern get their core whatever it is, and tasks would inherit
// it.
void keep_memory_private() {
#ifndef __SANITIZE_ADDRESS__ // Its leak check looks at this process from another one.
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
}

} // namespace aeo::io
