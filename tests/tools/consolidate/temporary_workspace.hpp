#pragma once

#include "tools/consolidate/git.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/secrets.hpp"
#include "tools/consolidate/step.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>

namespace aeo::consolidate::test {

namespace fs = std::filesystem;

/// A workspace in a temporary directory, removed at the end, with repositories made by git itself.
class temporary_workspace {
public:
  temporary_workspace() {
    auto name = (fs::temp_directory_path() / "aeo-consolidate-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw std::runtime_error("mkdtemp failed");
    root = fs::canonical(name).string();
    context.workspace = root;
    context.config.file = root + "/none";
    context.config.configuration = load_configuration_rules(AEO_SOURCE_DIR "/config");
    context.config.security = load_security_rules(AEO_SOURCE_DIR "/config");
    context.config.fingerprint_key = "a key for tests";
    context.secrets = std::make_shared<const secret_scanner>(context.config.security.secrets,
                                                             context.config.fingerprint_key);
    context.progress = [](std::string_view, std::size_t, std::size_t) {};
  }
  ~temporary_workspace() {
    std::error_code ec;
    fs::remove_all(root, ec);
  }
  temporary_workspace(const temporary_workspace&) = delete;
  temporary_workspace& operator=(const temporary_workspace&) = delete;

  void write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root + "/" + path).parent_path());
    std::ofstream(root + "/" + path, std::ios::binary) << text;
  }

  std::string read(const std::string& path) const {
    std::ifstream in(root + "/" + path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }

  git repository(const std::string& name) const {
    git result(root + "/" + name);
    for (const auto* who : {"AUTHOR", "COMMITTER"}) {
      const auto prefix = std::string("GIT_") + who;
      result.set_environment(prefix + "_NAME=Test Person");
      result.set_environment(prefix + "_EMAIL=test@example.com");
      result.set_environment(prefix + "_DATE=1700000000 +0100");
    }
    return result;
  }

  git start(const std::string& name) const {
    fs::create_directories(root + "/" + name);
    auto result = repository(name);
    result.output({"init", "-q", "--template=", "--initial-branch=main"});
    return result;
  }

  void commit(const std::string& name, const std::string& message) const {
    const auto result = repository(name);
    result.output({"add", "-A"});
    result.output({"commit", "-q", "--allow-empty", "-m", message});
  }

  /// Runs a step and returns its document as it was written.
  ordered run(const std::string& step_name, const std::string& out) const {
    for (const auto& item : all_steps()) {
      if (item.name == step_name) {
        run_step(item, context, checked_output(root, "consolidation/" + out));
        return ordered::parse(read("consolidation/" + out));
      }
    }
    throw std::runtime_error("no step " + step_name);
  }

  /// Phases 2 to 4; returns conflict_resolution.json.
  ordered merge() const {
    run("component-mapping", "reports/component_mapping.json");
    run("merge-strategy", "repository_consolidation/merge_strategy.json");
    return run("conflict-resolution", "repository_consolidation/conflict_resolution.json");
  }

  git monorepo() const { return git(root + "/consolidation/monorepo"); }

  std::string root;
  step_context context;
};

inline std::size_t count_lines_of(const std::string& text) {
  std::size_t count = 0;
  for (const auto line : split(text, '\n'))
    count += line.empty() ? 0 : 1;
  return count;
}

} // namespace aeo::consolidate::test
