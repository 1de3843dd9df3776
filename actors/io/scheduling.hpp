#pragma once

namespace aeo::io {

/// Whether what the calling process starts has the calling thread's wish, too.
enum class heirs { threads_and_children, nobody };

/// Asks that this thread, which does little at a time, need not wait for a busy machine's tasks to
/// use up their slices: between a task's end and the next one's start there are some threads'
/// turns. It gets no more of the processor by this. Needs no rights; kernels before 6.12 ignore it.
void prefer_short_waits(heirs);

} // namespace aeo::io
