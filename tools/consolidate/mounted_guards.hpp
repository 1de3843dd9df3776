#pragma once

#include "tools/consolidate/code_index.hpp"
#include "tools/consolidate/endpoints.hpp"
#include "tools/consolidate/guard_rules.hpp"
#include "tools/consolidate/middleware.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace aeo::consolidate {

/// Whether a guard stands before an endpoint; `maybe`: that is not decided.
enum class cover { no, maybe, yes };

/// The guards that a repository puts before endpoints which they do not name, and how its routers
/// are mounted: which endpoints each of them stands before. Those who judge endpoints ask it.
/// `code` has to outlive it. Not to be shared between threads: it keeps what scripts export
/// once it is asked for.
class mounted_guards {
public:
  /// Looks for guards in all of the code, for what is mounted in their files and in `registering`:
  /// the code files that register endpoints.
  mounted_guards(const code_index& code, const guard_rules& guards,
                 std::set<std::size_t> registering);

  const std::vector<shared_guard>& all() const { return guards_; }
  /// Whether one of `all()` stands before an endpoint of code file `c`.
  cover covers(const shared_guard& guard, const endpoint& item, std::size_t c) const;

private:
  /// What is registered with one object becomes a part of another one.
  struct attachment {
    std::size_t code = 0; ///< Where that is done.
    std::uint32_t line = 0;
    std::string parent;
    std::string path;
    std::size_t child_code = 0;
    std::string child;                         ///< Empty: what the file exports.
    const function_extent* function = nullptr; ///< What it registers, if `child` is a function.
    bool makes = false;                        ///< The line makes the child.
  };

  /// A route, or the router that it is registered with.
  struct registration {
    std::size_t code = 0;
    std::uint32_t line = 0;
    std::string receiver;
    std::string route;
  };

  std::uint32_t last_line(std::size_t c, std::uint32_t line) const;
  void note_attachments(std::size_t c);
  void attach(std::size_t c, std::uint32_t line, const mounting& item);
  void attach_function(attachment one, const std::string& name);
  void attach_name(attachment one, const std::string& name);
  bool exports(std::size_t c, const std::string& name) const;
  bool takes(const attachment& item, const registration& what) const;
  std::vector<const attachment*> attachments_of(const registration& what) const;
  bool reaches(const shared_guard& guard, const registration& what, int depth) const;
  bool takes_over(const shared_guard& guard, const registration& what) const;
  bool may_be_mounted(std::size_t c) const;

  const code_index& code_;
  std::vector<shared_guard> guards_;
  std::vector<attachment> attachments_;
  mutable int looked_up_ = 0; ///< Mountings, for one question.
  mutable std::map<std::pair<std::size_t, std::string>, bool> exports_; ///< Once asked for.
};

} // namespace aeo::consolidate
