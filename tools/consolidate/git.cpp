#include "tools/consolidate/git.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"

#include <filesystem>

namespace aeo::consolidate {

namespace fs = std::filesystem;

std::vector<std::string> git::command(const std::vector<std::string>& args) const {
  std::vector<std::string> argv{"git",
                                "-C",
                                directory_,
                                "-c",
                                "safe.directory=*",
                                "-c",
                                "gc.auto=0",
                                "-c",
                                "maintenance.auto=false",
                                "-c",
                                "core.fsmonitor=false",
                                "-c",
                                "core.hooksPath=/dev/null",
                                "-c",
                                "core.quotePath=false",
                                "-c",
                                "protocol.allow=never",
                                "-c",
                                "log.showSignature=false",
                                "-c",
                                "checkout.workers=0"}; // as many as there are processors
  argv.insert(argv.end(), args.begin(), args.end());
  return argv;
}

process_options git::options(std::string_view input) const {
  process_options result;
  result.input = input;
  result.environment = {"GIT_OPTIONAL_LOCKS=0",
                        "GIT_CONFIG_NOSYSTEM=1",
                        "GIT_CONFIG_GLOBAL=/dev/null",
                        "GIT_TERMINAL_PROMPT=0",
                        "GIT_NO_REPLACE_OBJECTS=1",
                        "GIT_NO_LAZY_FETCH=1",
                        "GIT_ATTR_NOSYSTEM=1",
                        "GIT_LFS_SKIP_SMUDGE=1",
                        "LC_ALL=C",
                        "TZ=UTC",
                        "GIT_CEILING_DIRECTORIES=" + fs::path(directory_).parent_path().string(),
                        "GIT_DIR",
                        "GIT_WORK_TREE",
                        "GIT_INDEX_FILE",
                        "GIT_OBJECT_DIRECTORY",
                        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
                        "GIT_NAMESPACE",
                        "GIT_COMMON_DIR",
                        "GIT_CONFIG",
                        "GIT_CONFIG_COUNT",
                        "GIT_CONFIG_PARAMETERS",
                        "GIT_EXTERNAL_DIFF",
                        "GIT_DEFAULT_HASH"};
  result.environment.insert(result.environment.end(), extra_.begin(), extra_.end());
  return result;
}

process_result git::run(const std::vector<std::string>& args, std::string_view input) const {
  return run_process(command(args), options(input));
}

std::string git::output(const std::vector<std::string>& args, std::string_view input) const {
  auto result = run(args, input);
  if (result.exit_code != 0)
    throw failure(exit_status::bad_data, directory_ + ": git " + args.front() + " exited "
                                             + std::to_string(result.exit_code) + ": "
                                             + printable(trim(result.err), 500)
                                             + " (try `git fsck` in that repository)");
  return std::move(result.out);
}

std::string git::line(const std::vector<std::string>& args) const {
  auto text = output(args);
  if (text.ends_with('\n'))
    text.pop_back();
  return text;
}

bool git::is_bare(const std::string& directory) {
  const fs::path path(directory);
  std::error_code ec;
  return fs::is_regular_file(path / "HEAD", ec) && fs::is_directory(path / "objects", ec)
         && fs::is_directory(path / "refs", ec) && !fs::exists(path / ".git", ec);
}

bool git::is_repository(const std::string& directory) {
  std::error_code ec;
  return fs::exists(fs::path(directory) / ".git", ec) || is_bare(directory);
}

} // namespace aeo::consolidate
