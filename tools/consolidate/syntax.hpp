#pragma once

#include "tools/consolidate/scratch.hpp"
#include "tools/consolidate/step.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// A file that its language's parser refused.
struct parse_problem {
  std::string path;
  std::uint32_t line = 0; ///< 0: the parser does not say
  std::string message;
};

/// `from ..a import b`, `import "./x.js"`, as a parser saw it.
struct parsed_import {
  std::string path;
  std::uint32_t line = 0;
  std::string target;             ///< Python: dots and module; JavaScript: as written
  std::vector<std::string> names; ///< Python: what is imported from it
  bool optional = false;          ///< its failure is handled in the code
};

struct language_syntax {
  std::string parser; ///< empty: none on this machine
  std::string reason; ///< why there is none
  std::size_t files = 0;
  std::size_t parsed = 0;
  std::size_t failed = 0;
  std::size_t unparsed = 0; ///< not measured
};

/// Every tracked file is in exactly one of these counts.
struct syntax_report {
  std::size_t files_total = 0;
  std::size_t vendored = 0;
  std::size_t excluded = 0; ///< by `syntax.exclude` or a convention of the language
  std::size_t links = 0;    ///< symbolic links and submodules
  std::size_t binary = 0;
  std::size_t plain = 0; ///< text without a syntax that can be wrong
  std::map<std::string, language_syntax> languages;
  std::map<std::string, std::size_t> unmeasured; ///< reason -> files
  std::vector<parse_problem> problems;
  std::vector<parsed_import> python_imports; ///< relative ones
  std::vector<parsed_import> script_imports; ///< relative ones
  /// The files with their language, for who looks further.
  std::vector<std::pair<std::string, std::string>> sources;
};

/// Has every source file parsed by its language's own parser, in batches, on all cores.
syntax_report check_syntax(const step_context& context, const scratch_checkout& checkout);

/// The outcome of one file.
struct parse_outcome {
  enum class kind { parsed, failed, unmeasured } what = kind::unmeasured;
  std::uint32_t line = 0;
  std::string text; ///< message or reason
};

/// Parsers in this process.
parse_outcome parse_json_file(const std::string& path, const std::string& text);
parse_outcome parse_yaml_file(const scratch_checkout& checkout, const std::string& path,
                              const std::string& text);
parse_outcome parse_toml_file(const std::string& text);

/// Programs that parse one file each, or many.
parse_outcome parsed_by_program(const scratch_checkout& checkout,
                                const std::vector<std::string>& argv);
/// By the shell that the file names.
parse_outcome parse_shell_file(const scratch_checkout& checkout, const std::string& path);
std::vector<parse_outcome> parse_go_files(const scratch_checkout& checkout,
                                          const std::vector<std::string>& files);
/// `config`: an empty rustfmt.toml, so that none of the tree says what is left out.
std::vector<parse_outcome> parse_rust_files(const scratch_checkout& checkout,
                                            const std::vector<std::string>& files,
                                            const std::string& config);

/// A program of the language, told the files by a script of ours.
struct script_batch {
  std::vector<std::string> argv; ///< gets NUL-separated paths on standard input
  std::string directory;
};
/// Runs it and reads a JSON object per line: `{"file": index, "line": n, "error": text}`,
/// `{"file": index, "unsupported": text}`, `{"file": index, "imports": [...]}`; a file without
/// error was parsed.
std::vector<parse_outcome> run_script_batch(const scratch_checkout& checkout,
                                            const script_batch& batch,
                                            const std::vector<std::string>& files,
                                            std::vector<parsed_import>& imports);

} // namespace aeo::consolidate
