// Programs that parse files of their language, one at a start or many.

#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"
#include "tools/consolidate/process.hpp"
#include "tools/consolidate/supervised.hpp"
#include "tools/consolidate/syntax.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <iterator>
#include <set>

namespace aeo::consolidate {

namespace {

using outcome_kind = parse_outcome::kind;

process_result run_parser(const scratch_checkout& checkout, const std::vector<std::string>& argv,
                          std::string_view input = {}) {
  process_options options;
  options.directory = checkout.tree();
  options.environment = checkout.environment(true);
  options.writable = checkout.writable();
  options.input = input;
  return run_process(argv, options);
}

/// Exit code 0, or the first line of its words with the first number after a colon (or "line ").
parse_outcome judged_by_exit(const process_result& said) {
  if (said.exit_code == 0)
    return {outcome_kind::parsed, 0, ""};
  const auto text = trim(said.err).empty() ? said.out : said.err;
  static const re2::RE2 place(R"((?::|: |\bline )(\d+)\b)");
  parse_outcome out{outcome_kind::failed, 0, ""};
  re2::RE2::PartialMatch(text, place, &out.line);
  const auto shown = trim(text);
  out.text = printable(shown.substr(0, shown.find('\n')), 300);
  return out;
}

/// From standard input: of a file that it opens itself, rustfmt reads the modules as well.
parse_outcome parse_rust_file(const scratch_checkout& checkout, const std::string& path) {
  const auto text = checkout.read(path);
  return judged_by_exit(
      run_parser(checkout, {"rustfmt", "--edition", "2021", "--emit", "stdout"}, text));
}

bool names_rust_module(const scratch_checkout& checkout, const std::string& path) {
  static const re2::RE2 module(R"(\bmod\s+[\w#]+\s*;)");
  return re2::RE2::PartialMatch(checkout.read(path), module);
}

/// Of the lines `  --> PATH:LINE:COLUMN`.
std::set<std::string> paths_of_rust_errors(const scratch_checkout& checkout,
                                           std::string_view text) {
  static const re2::RE2 place(R"(^\s*--> (.+?):\d+:\d+\s*$)");
  const auto top = checkout.tree() + "/";
  std::set<std::string> paths;
  for (const auto line : split(text, '\n')) {
    std::string path;
    if (!re2::RE2::FullMatch(piece(line), place, &path))
      continue;
    for (const std::string_view prefix : {std::string_view(top), std::string_view("./")})
      path.erase(0, path.starts_with(prefix) ? prefix.size() : 0);
    paths.insert(path);
  }
  return paths;
}

/// Those that the program refuses when it is given all; everything if it does not say which.
std::vector<std::size_t> refused_rust_files(const scratch_checkout& checkout,
                                            const std::vector<std::string>& files,
                                            const std::vector<std::size_t>& together,
                                            const std::string& config) {
  std::vector<std::string> argv{"rustfmt", "--edition",     "2021", "--emit",
                                "stdout",  "--config-path", config};
  for (const auto i : together)
    argv.push_back("./" + files[i]);
  const auto said = run_parser(checkout, argv);
  if (said.exit_code == 0)
    return {};
  const auto named = paths_of_rust_errors(checkout, said.err);
  std::vector<std::size_t> refused;
  std::ranges::copy_if(together, std::back_inserter(refused),
                       [&](std::size_t i) { return named.contains(files[i]); });
  return refused.empty() ? together : refused;
}

} // namespace

parse_outcome parsed_by_program(const scratch_checkout& checkout,
                                const std::vector<std::string>& argv) {
  return judged_by_exit(run_parser(checkout, argv));
}

parse_outcome parse_shell_file(const scratch_checkout& checkout, const std::string& path) {
  const auto head = checkout.read(path, 8000);
  const auto first = head.substr(0, head.find('\n'));
  static const re2::RE2 named(R"(^#!\s*\S*?(?:env\s+(?:-S\s+)?)?(\w+)(?:\s|$))");
  std::string program;
  if (!first.starts_with("#!") || !re2::RE2::PartialMatch(first, named, &program))
    program = path.ends_with(".zsh") ? "zsh" : path.ends_with(".bash") ? "bash" : "sh";
  if (program != "sh" && program != "bash" && program != "dash" && program != "zsh"
      && program != "ksh")
    return {outcome_kind::unmeasured, 0, program + " is not a shell that can check a file"};
  if (find_program(program).empty())
    return {outcome_kind::unmeasured, 0, program + " is not on PATH"};
  // bash names its script in front of each message; the path is known here.
  return parsed_by_program(checkout, {program, "-n", "./" + path});
}

std::vector<parse_outcome> parse_go_files(const scratch_checkout& checkout,
                                          const std::vector<std::string>& files) {
  std::vector<std::string> argv{"gofmt", "-e", "-l"};
  for (const auto& path : files)
    argv.push_back("./" + path);
  std::vector<parse_outcome> out(files.size(), {outcome_kind::parsed, 0, ""});
  const auto said = run_parser(checkout, argv);
  static const re2::RE2 message(R"(^(.+?):(\d+):\d+: (.*)$)");
  for (const auto line : split(said.err, '\n')) {
    std::string path;
    std::string text;
    std::uint32_t number = 0;
    if (!re2::RE2::FullMatch(piece(line), message, &path, &number, &text))
      continue;
    const auto found = std::ranges::find_if(
        files, [&](const std::string& file) { return file == path || "./" + file == path; });
    if (found == files.end())
      continue;
    auto& outcome = out[static_cast<std::size_t>(found - files.begin())];
    if (outcome.what == outcome_kind::parsed)
      outcome = {outcome_kind::failed, number, printable(text, 300)};
  }
  return out;
}

/// One start for many files costs a sixth of one for each. Only when none of those left is refused
/// are they all parsed; the refused ones are parsed again alone, for their own words.
std::vector<parse_outcome> parse_rust_files(const scratch_checkout& checkout,
                                            const std::vector<std::string>& files,
                                            const std::string& config) {
  std::vector<parse_outcome> out(files.size(), {outcome_kind::parsed, 0, ""});
  std::vector<std::size_t> together;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (names_rust_module(checkout, files[i]))
      out[i] = parse_rust_file(checkout, files[i]);
    else
      together.push_back(i);
  }
  while (!together.empty()) {
    const auto refused = refused_rust_files(checkout, files, together, config);
    if (refused.empty())
      break;
    for (const auto i : refused)
      out[i] = parse_rust_file(checkout, files[i]);
    std::vector<std::size_t> rest;
    std::ranges::set_difference(together, refused, std::back_inserter(rest));
    together = std::move(rest);
  }
  return out;
}

} // namespace aeo::consolidate
