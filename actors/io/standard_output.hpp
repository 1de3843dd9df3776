#pragma once

#include <chrono>

namespace aeo::io {

/// Flushes std::cout and returns `code`; where it did not take all, says so on std::cerr for the
/// program and returns exit_code::internal. A reader that is gone wanted no more: no failure.
int end_output(const char* program, int code);

/// Waits for standard output's reader to go, at most that long; false: it is still there.
bool reader_leaves(std::chrono::milliseconds patience);

} // namespace aeo::io
