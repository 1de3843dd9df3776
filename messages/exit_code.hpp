#pragma once

/// What the programs that people call end with; scripts rely on the numbers.
namespace aeo::exit_code {

constexpr int ok = 0;
constexpr int failed = 1; ///< A phase failed or was rejected; a request was refused.
constexpr int usage = 2;
constexpr int waiting = 3;  ///< Stopped waiting for a person.
constexpr int no_node = 69; ///< No node to talk to.
constexpr int internal = 70;
constexpr int locked = 75; ///< Another node holds the workspace.
constexpr int not_permitted = 77;
constexpr int configuration = 78;
constexpr int interrupted = 130;

} // namespace aeo::exit_code
