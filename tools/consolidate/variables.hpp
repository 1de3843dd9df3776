#pragma once

#include "tools/consolidate/configuration_rules.hpp"
#include "tools/consolidate/extract.hpp"

#include <re2/re2.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

struct language;

/// The idioms of a configuration, compiled once. Safe to share between threads.
class variable_finder {
public:
  explicit variable_finder(const configuration_rules& rules);

  /// Uses in order of their lines; names that the file itself assigns are left out.
  std::vector<variable_use> find(std::string_view path, std::string_view language,
                                 std::string_view text) const;
  /// Changes when any idiom changes.
  const std::string& digest() const { return digest_; }

private:
  using expressions = std::vector<std::unique_ptr<re2::RE2>>;
  struct naming {
    expressions aliases;
    std::vector<std::string> rebinds; ///< with `{object}` in the name's place
  };
  struct idiom {
    variable_idiom rule;
    std::unique_ptr<re2::RE2> pattern;
    expressions required_before;
    expressions required_after;
    expressions optional_after;
    expressions optional_before;
    expressions not_after;
    expressions not_before;
  };
  struct assignment {
    std::vector<std::string> languages;
    std::unique_ptr<re2::RE2> pattern;
  };
  struct found {
    variable_use use;
    std::size_t at = 0;     ///< the byte where it stands
    bool explicit_ = false; ///< the text says what happens when it is not set
    bool guard = false;
  };

  std::vector<std::string> assigned(std::string_view language, std::string_view text) const;
  /// The names that the text gives an object.
  std::vector<std::string> aliases(const std::string& object, std::string_view text) const;
  static bool judge(const idiom& item, std::string_view before, std::string_view after, found& use);
  /// With `alias`, the object's name in `pattern`: not what belongs to something else, `x.alias`.
  static void find_idiom(const idiom& item, const re2::RE2& pattern, bool alias,
                         std::string_view text, std::vector<found>& out);
  static void add_list(const idiom& item, std::string_view list, std::uint32_t line, std::size_t at,
                       std::vector<found>& out);
  void find_all(std::string_view path, std::string_view language, std::string_view text,
                std::vector<found>& out) const;

  std::map<std::string, naming> objects_; ///< id -> aliases
  std::vector<idiom> idioms_;
  std::vector<assignment> assignments_;
  std::string digest_;
};

} // namespace aeo::consolidate
