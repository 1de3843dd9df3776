#pragma once

#include <caf/default_enum_inspect.hpp>
#include <caf/error.hpp>
#include <caf/is_error_code_enum.hpp>
#include <caf/string_view.hpp>

#include <cstdint>
#include <string>

namespace aeo {

/// Every error that crosses a function or an actor. The message says what, where and what to do.
enum class ec : std::uint8_t {
  none = 0,
  /// A file that a person wrote is wrong; exit 78.
  bad_configuration,
  /// The database or the state file is damaged; it is kept as it is; exit 78.
  corrupt_state,
  /// The database was written by a newer program; exit 78.
  newer_schema,
  /// There is an unfinished execution (neither --resume nor --fresh was given); exit 78.
  unfinished_execution,
  /// The plan changed since the execution began; exit 78.
  plan_changed,
  /// Another node holds the workspace; exit 75.
  workspace_locked,
  /// Disk full, read-only, I/O error: what was not stored is not acted on.
  storage_failed,
  /// The launcher cannot be started or does not answer as it should.
  launcher_failed,
  /// A phase, task or execution that does not exist.
  not_found,
  /// The request does not fit the present state.
  wrong_state,
  /// An error of our own making; exit 70.
  internal,
  /// The credential does not allow it, or is none; exit 77.
  not_permitted,
  /// Whoever answers cannot be trusted: TLS failed; exit 77.
  untrusted,
  /// No node to talk to; exit 69.
  no_node,
  /// No node either: where one is said to be, another workspace's is; exit 69.
  other_workspace
};

std::string to_string(ec);
bool from_string(caf::string_view, ec&);
bool from_integer(std::uint8_t, ec&);

template <class Inspector>
bool inspect(Inspector& f, ec& x) {
  return caf::default_enum_inspect(f, x);
}

/// The text of an error made with `caf::make_error(ec::..., text)`; without a text, the code's
/// name; of a request that was not answered in time, that.
std::string message_of(const caf::error&);

} // namespace aeo

CAF_ERROR_CODE_ENUM(aeo::ec)
