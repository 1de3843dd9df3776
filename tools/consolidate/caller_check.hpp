#pragma once

#include "tools/consolidate/code_index.hpp"
#include "tools/consolidate/endpoints.hpp"
#include "tools/consolidate/guard_rules.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// Tells where code turns away who may not call, for those that judge endpoints. To name a guard or
/// to read who calls is not enough. What counts:
/// - an answer that asks who calls (401), or one that turns a caller away (403) behind a line that
///   reads what the caller shows;
/// - a statement that ends the handler right behind a condition that denies what the caller shows,
///   or behind one that lets pass who shows it;
/// - a guard of a library that turns others away by itself;
/// - a guard by its name, where it is put before what is registered or called as a statement, if
///   its definition is not in the repository. One that is there is looked into instead.
/// Comments, texts and what the rules say is no guard are passed over. `code` and `guards` have to
/// outlive it. Not to be shared between threads: it keeps what it found out about a file.
class caller_check {
public:
  caller_check(const code_index& code, const guard_rules& guards) : code_(code), guards_(guards) {}

  /// The first of the regions that turns callers away, by the line that reads who calls or by the
  /// one that refuses.
  /// `before_others`: they guard what they do not run, where conditions on the path are no way out.
  guard_place find(const std::vector<region>& parts, bool before_others) const;
  /// Where who calls is only read: `only_read` tells whether there is such a line.
  guard_place find_read(const std::vector<region>& parts) const;

private:
  /// What a line of code does, as its text tells.
  struct line_role {
    bool asks = false;    ///< It reads what the caller shows, or names a guard.
    bool names = false;   ///< It asks by a name that tells of a guard.
    bool partial = false; ///< It holds a condition that is not only on the caller.
    bool tests = false;   ///< It holds a condition on what it reads of the request.
    bool denies = false;  ///< The condition is that something is not so.
    bool passes = false;  ///< It goes on with the handler.
    bool asks_in = false; ///< It answers 401.
    bool forbids = false; ///< It answers 403.
    bool aborts = false;
    bool relays = false;  ///< It compares with such an answer, of somebody else.
    bool decides = false; ///< It begins a function whose answer lets pass or not.
    bool answers = false; ///< It returns anything but that all may pass.
    bool guards = false;  ///< It is a guard of which nothing more can be seen.

    bool refuses() const { return asks_in || forbids || aborts; }
  };

  const std::vector<line_role>& roles_of(std::size_t c) const;
  line_role role_of(std::size_t c, std::uint32_t line, std::string_view text) const;
  line_role role_in(const region& part, std::uint32_t line) const;
  bool is_library_guard(std::size_t c, std::uint32_t line, std::string_view text) const;
  bool is_own_guard(std::size_t c, std::string_view text) const;
  bool is_named_guard(std::size_t c, std::uint32_t line, std::string_view text) const;
  bool is_foreign_guard(std::size_t c, std::string_view name) const;
  std::uint32_t refusing_line(const region& part, bool before_others) const;
  bool goes_on(const region& part, std::uint32_t line) const;
  bool is_in_branch(const region& part, std::uint32_t line) const;

  const code_index& code_;
  const guard_rules& guards_;
  mutable std::map<std::size_t, std::vector<line_role>> roles_; ///< By code file.
};

} // namespace aeo::consolidate
