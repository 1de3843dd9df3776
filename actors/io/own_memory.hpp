#pragma once

namespace aeo::io {

/// For programs that hold tokens and keys: from here on no core dump of this process is written, to
/// a file or to a handler, and no other process of this user may read its memory or environment;
/// root may. Programs that it executes are as any other: also limits stay as they are.
void keep_memory_private();

} // namespace aeo::io
