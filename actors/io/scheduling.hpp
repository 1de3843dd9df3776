#pragma once

namespace aeo::io {

/// Asks that this thread and those that it starts, which do little at a time, need not wait for a
/// busy machine's tasks to use up their slices: between a task's end and the next one's start there
/// are some threads' turns. They get no more of the processor by this. Needs no rights; kernels
/// before 6.12 ignore it.
void prefer_short_waits();

/// The same for this process, and not for those that it forks from now on, as far as that can be
/// had at once.
void prefer_short_waits_alone();

/// Whether what this process forks has to take its wish back.
bool hands_on_short_waits();

/// Takes the wish back. System calls only: may be called between vfork and exec.
void prefer_usual_waits();

} // namespace aeo::io
