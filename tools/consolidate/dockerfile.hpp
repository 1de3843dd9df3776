#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// One instruction, put together from its lines.
struct docker_instruction {
  std::uint32_t line = 0;            ///< where it begins, from 1
  std::string keyword;               ///< in capitals
  std::vector<std::string> flags;    ///< `--name=value`, in front of the arguments
  std::string arguments;             ///< continuation lines joined, comments between them left out
  std::vector<std::string> heredocs; ///< their bodies
  /// The arguments of the exec form, `["a", "b"]`; nullopt: the shell form.
  std::optional<std::vector<std::string>> exec;
};

/// From one FROM to the next.
struct docker_stage {
  std::uint32_t line = 0;
  std::string image;       ///< as written
  std::string resolved;    ///< with the defaults of the ARGs before the first FROM
  bool unresolved = false; ///< an ARG without a default is in it
  std::string name;
  std::optional<std::size_t> parent; ///< an earlier stage that it builds on
  std::vector<docker_instruction> instructions;
};

struct docker_problem {
  std::uint32_t line = 0;
  std::string message;
};

/// A parsed Dockerfile. Grammar (reference/builder of Docker, syntax version 1):
///
///   file        = directive* (comment | blank | instruction)*
///   directive   = "#" ws* ("escape" | "syntax" | "check") "=" value     only before all else
///   instruction = keyword ws flag* arguments, continued over lines that end with the escape
///                 character; blank and comment lines in between do not count
///   heredoc     = "<<" ["-"] word | 'word' | "word"   in RUN, COPY and ADD: the body follows, up
///   to
///                 a line that is the word
struct dockerfile {
  char escape = '\\';
  std::vector<docker_instruction> before; ///< ARGs in front of the first FROM
  std::vector<docker_stage> stages;
  std::vector<docker_problem> problems; ///< empty: it parses

  /// The last instruction of that kind that is in force in the image that is built: in the last
  /// stage or in one that it builds on. nullptr: there is none.
  const docker_instruction* in_force(std::string_view keyword) const;
  /// The ports of EXPOSE in the last stage and those below it, as numbers.
  std::vector<std::uint16_t> ports() const;
};

dockerfile parse_docker(std::string_view text);

} // namespace aeo::consolidate
