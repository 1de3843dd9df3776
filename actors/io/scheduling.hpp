#pragma once

namespace aeo::io {

/// Asks that this thread and those that it starts, which do little at a time, need not wait for a
/// busy machine's tasks to use up their slices: between a task's end and the next one's start there
/// are some threads' turns. They get no more of the processor by this. Needs no rights; kernels
/// before 6.12 ignore it.
void prefer_short_waits();

/// Takes the wish back. System calls only: may be called between vfork and exec.
void prefer_usual_waits();

} // namespace aeo::io
