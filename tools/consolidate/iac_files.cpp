#include "tools/consolidate/iac_files.hpp"

#include "tools/consolidate/evidence.hpp"
#include "tools/consolidate/manifest.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/process.hpp"
#include "tools/consolidate/supervised.hpp"

#include <nlohmann/json.hpp>

#include <re2/re2.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <set>
#include <thread>

namespace aeo::consolidate {

std::string_view to_string(iac_kind kind) {
  switch (kind) {
  case iac_kind::dockerfile:
    return "dockerfile";
  case iac_kind::compose:
    return "compose";
  case iac_kind::kubernetes:
    return "kubernetes";
  case iac_kind::terraform:
    return "terraform";
  }
  return "unknown";
}

namespace {

bool is_yaml_name(std::string_view path) {
  return path.ends_with(".yaml") || path.ends_with(".yml");
}

std::optional<iac_kind> kind_by_name(std::string_view path) {
  const auto type = manifest_type(path);
  if (type == "Dockerfile")
    return iac_kind::dockerfile;
  if (type == "compose")
    return iac_kind::compose;
  if (path.ends_with(".tf") || path.ends_with(".tf.json"))
    return iac_kind::terraform;
  return std::nullopt;
}

/// An object of Kubernetes has both at its top.
bool looks_like_kubernetes(const std::string& text) {
  static const re2::RE2 version("(?m)^apiVersion:");
  static const re2::RE2 kind("(?m)^kind:");
  return re2::RE2::PartialMatch(text, version) && re2::RE2::PartialMatch(text, kind);
}

/// `Dockerfile.SUFFIX` may be for a special build, or a list of ignored files, a manual, a syntax
/// file for an editor.
bool is_other_kind_of_file(std::string_view path, const std::string& text) {
  const auto name = base_name(path);
  if (!name.starts_with("Dockerfile."))
    return false;
  if (name.ends_with(".dockerignore") || name.ends_with(".md") || name.ends_with(".rst"))
    return true;
  static const re2::RE2 instruction(
      R"re((?m)^[ \t]*(FROM|RUN|COPY|ADD|CMD|ENTRYPOINT|WORKDIR)[ \t])re");
  return !re2::RE2::PartialMatch(text, instruction);
}

void parse_docker_file(const std::string& text, iac_file& out) {
  out.docker = parse_docker(text);
  for (const auto& item : out.docker.problems)
    out.problems.push_back({item.line, item.message});
}

void expect_map(const YAML::Node& node, const std::string& what, iac_file& out) {
  if (node.IsDefined() && !node.IsNull() && !node.IsMap())
    out.problems.push_back({yaml_line(node), what + " is not a mapping"});
}

void parse_compose_file(const std::string& text, iac_file& out) {
  auto parsed = read_yaml(text);
  out.problems = std::move(parsed.problems);
  out.documents = std::move(parsed.documents);
  if (!out.problems.empty())
    return;
  if (out.documents.size() != 1 || !out.documents[0].IsMap()) {
    out.problems.push_back({1, "holds " + std::to_string(out.documents.size())
                                   + " documents or no mapping, expected one with services:"});
    return;
  }
  const auto& top = out.documents[0];
  for (const auto* key : {"services", "networks", "volumes", "configs", "secrets"})
    expect_map(yaml_at(top, key), key, out);
  const auto services = yaml_at(top, "services");
  for (const auto& name : yaml_keys(services)) {
    const auto service = yaml_at(services, name);
    expect_map(service, "service " + name, out);
    for (const auto* key : {"build", "image"}) {
      const auto value = yaml_at(service, key);
      if (value.IsDefined() && (value.IsSequence() || (key[0] == 'i' && !value.IsScalar())))
        out.problems.push_back({yaml_line(value), "service " + name + ": " + key + " is a "
                                                      + (value.IsMap() ? "mapping" : "list")});
    }
  }
}

void parse_kubernetes_file(const std::string& text, iac_file& out) {
  auto parsed = read_yaml(text);
  out.problems = std::move(parsed.problems);
  for (auto& document : parsed.documents) {
    if (!document.IsMap() || yaml_string(yaml_at(document, "apiVersion")).empty()
        || yaml_string(yaml_at(document, "kind")).empty())
      out.problems.push_back({yaml_line(document), "is not an object with apiVersion and kind"});
    else
      out.documents.push_back(document);
  }
}

/// `terraform fmt` reads standard input and tells a syntax error (2) from a matter of taste (3).
void parse_terraform_file(const std::string& text, const std::string& program, iac_file& out) {
  if (out.path.ends_with(".json")) {
    try {
      [[maybe_unused]] const auto ignored = nlohmann::json::parse(text);
    } catch (const nlohmann::json::parse_error& error) {
      const auto before = text.substr(0, std::min<std::size_t>(error.byte, text.size()));
      out.problems.push_back(
          {static_cast<std::uint32_t>(1 + std::count(before.begin(), before.end(), '\n')),
           "is not JSON"});
    }
    return;
  }
  if (program.empty()) {
    out.not_measured = "terraform is not installed, which reads its language";
    return;
  }
  process_options options;
  options.input = text;
  options.environment = {"CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE=/dev/null",
                         "TF_IN_AUTOMATION=1",   "TF_CLI_ARGS",
                         "TF_CLI_ARGS_fmt",      "TF_LOG"};
  const auto result =
      run_process({program, "fmt", "-check", "-no-color", "-list=false", "-"}, options);
  out.unformatted = result.exit_code == 3;
  if (result.exit_code == 0 || out.unformatted)
    return;
  std::string message;
  std::string line;
  re2::RE2::PartialMatch(result.err, R"re((?m)^[^A-Za-z]*Error: (.+)$)re", &message);
  re2::RE2::PartialMatch(result.err, R"re(on [^\n]* line ([0-9]+))re", &line);
  if (line.empty() && message.empty()) {
    out.not_measured = "terraform fmt exited " + std::to_string(result.exit_code) + ": "
                       + printable(trim(result.err), 200);
    return;
  }
  out.problems.push_back(
      {static_cast<std::uint32_t>(line.empty() ? 1 : std::stoul(line)), message});
}

class iac_reader {
public:
  iac_reader(const step_context& within, const survey& all)
      : within_(within), all_(all), terraform_(find_program("terraform")) {
    for (const auto& file : all.files) {
      if (base_name(all.tracked(file).path) == "Chart.yaml")
        charts_.insert(std::string(dir_name(all.tracked(file).path)));
    }
  }

  iac_files run() {
    std::vector<std::optional<iac_file>> found(all_.files.size());
    std::vector<std::string> templates(all_.files.size());
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
      for (std::size_t i = 0; (i = next++) < all_.files.size();)
        found[i] = read(all_.files[i], templates[i]);
    };
    {
      std::vector<std::jthread> threads;
      for (unsigned i = 1; i < std::max(1U, std::thread::hardware_concurrency()); ++i)
        threads.emplace_back(work);
      work();
    }
    iac_files out;
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (found[i])
        out.files.push_back(std::move(*found[i]));
      if (!templates[i].empty())
        out.templates.push_back({all_.tracked(all_.files[i]).path, templates[i]});
    }
    return out;
  }

private:
  bool in_chart_templates(const std::string& path) const {
    for (auto directory = dir_name(path); !directory.empty(); directory = dir_name(directory)) {
      if (base_name(directory) == "templates" && charts_.contains(std::string(dir_name(directory))))
        return true;
    }
    return false;
  }

  std::optional<iac_file> read(const scanned_file& file, std::string& what) const {
    const auto& tracked = all_.tracked(file);
    const auto& path = tracked.path;
    const auto named = kind_by_name(path);
    if ((!named && !is_yaml_name(path)) || tracked.is_symlink() || tracked.is_submodule()
        || is_excluded(within_, all_, file))
      return std::nullopt;
    if (in_chart_templates(path)
        || any_glob_matches(within_.config.infrastructure.templates, path)) {
      what = in_chart_templates(path) ? "template of a Helm chart" : "template";
      return std::nullopt;
    }
    iac_file out;
    out.kind = named.value_or(iac_kind::kubernetes);
    out.path = path;
    const auto& facts = file.facts;
    if (!facts.problem.empty() || facts.binary || facts.too_large) {
      if (!named)
        return std::nullopt;
      out.problems.push_back({0, !facts.problem.empty() ? facts.problem
                                 : facts.binary         ? "is binary"
                                                        : "is larger than scan.max_text_bytes"});
      return out;
    }
    const auto text = read_content(all_, file);
    if ((!named && !looks_like_kubernetes(text))
        || (named == iac_kind::dockerfile && is_other_kind_of_file(path, text)))
      return std::nullopt;
    parse(text, out);
    return out;
  }

  void parse(const std::string& text, iac_file& out) const {
    switch (out.kind) {
    case iac_kind::dockerfile:
      return parse_docker_file(text, out);
    case iac_kind::compose:
      return parse_compose_file(text, out);
    case iac_kind::kubernetes:
      return parse_kubernetes_file(text, out);
    case iac_kind::terraform:
      return parse_terraform_file(text, terraform_, out);
    }
  }

  const step_context& within_;
  const survey& all_;
  std::string terraform_;
  std::set<std::string, std::less<>> charts_;
};

} // namespace

iac_files read_iac_files(const step_context& within, const survey& all) {
  return iac_reader(within, all).run();
}

} // namespace aeo::consolidate
