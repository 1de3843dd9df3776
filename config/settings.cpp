#include "config/settings.hpp"

#include "config/env_file.hpp"
#include "config/values.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace aeo::config {

namespace {

constexpr std::array<std::string_view, 7> log_levels = {"trace", "debug",    "info", "warn",
                                                        "error", "critical", "off"};

/// Reads a file whose root is small enough to be one object.
void read_small_file(const std::filesystem::path& path, document& doc,
                     const std::function<void(const node&)>& read) {
  json root = json::object();
  auto add = [&](std::string_view, const std::string& key, const json& value) {
    if (root.contains(key))
      node{node{doc, root}, key, value}.fail("duplicate key " + in_quotes(key));
    else
      root[key] = value;
  };
  auto result = read_members(path, doc, {}, add);
  if (result == read_result::absent)
    return;
  // Also after a syntax error: what was read before it may have mistakes of its own.
  read(node{doc, root});
}

void read_error_rule(const node& where, std::vector<error_rule>& rules) {
  object_reader keys{where, {"exit_code", "stderr", "class"}};
  if (!keys)
    return;
  auto& rule = rules.emplace_back();
  keys.with("exit_code", [&](const node& x) {
    std::int64_t code = 0;
    if (read_whole(x, 1, 255, code))
      rule.exit_code = static_cast<int>(code);
  });
  keys.with("stderr", [&](const node& x) {
    if (!read_text(x, rule.output, 1))
      return;
    if (auto why = check_regex(rule.output); !why.empty())
      x.fail("no POSIX extended regular expression: " + why);
  });
  keys.require("class", [&](const node& x) { read_enum<error_class, 4>(x, rule.cls); });
  if (!keys.has("exit_code") && !keys.has("stderr"))
    where.fail(R"(expected at least one of "exit_code" and "stderr")");
}

void read_listen(const node& where, settings& out) {
  object_reader keys{where, {"host", "port"}};
  keys.with("host", [&](const node& x) { read_text(x, out.listen_host, 1); });
  keys.with("port", [&](const node& x) {
    std::uint32_t port = 0;
    if (read_count(x, 0, 65'535, port))
      out.listen_port = static_cast<std::uint16_t>(port);
  });
}

/// A name that goes into a URL's path: "owner", "repo" or "owner/repo".
bool is_repository_name(std::string_view text, bool owner_allowed) {
  auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
           || c == '_' || c == '.';
  };
  auto slash = text.find('/');
  if (slash != std::string_view::npos)
    return owner_allowed && is_repository_name(text.substr(0, slash), false)
           && is_repository_name(text.substr(slash + 1), false);
  return !text.empty() && text != "." && text != ".."
         && std::all_of(text.begin(), text.end(), fits);
}

/// "owner/repo" names both. What is wrong; empty: nothing.
std::string set_repository(std::string_view text, github_settings& out) {
  if (!is_repository_name(text, true))
    return "expected the name of a repository or OWNER/NAME, found " + in_quotes(text);
  auto slash = text.find('/');
  if (slash != std::string_view::npos)
    out.owner = text.substr(0, slash);
  out.repo = slash == std::string_view::npos ? text : text.substr(slash + 1);
  return {};
}

std::string set_owner(std::string_view text, github_settings& out) {
  if (!is_repository_name(text, false))
    return "expected the name of a user or organisation, found " + in_quotes(text);
  out.owner = text;
  return {};
}

/// Null means: not here.
bool read_optional_text(const node& where, std::string& out) {
  if (where.value().is_null())
    return false;
  if (!where.value().is_string()) {
    where.expected("a string or null");
    return false;
  }
  return read_text(where, out, 1);
}

void read_github_access(const node& where, github_settings& out, std::string& token) {
  object_reader keys{where, {"token", "repo", "owner"}};
  keys.with("token", [&](const node& x) {
    if (read_optional_text(x, token))
      x.warn("a token in this file is easily committed or copied; GITHUB_TOKEN in .env or in the "
             "environment is safer");
  });
  std::string text;
  keys.with("owner", [&](const node& x) {
    if (read_optional_text(x, text))
      if (auto why = set_owner(text, out); !why.empty())
        x.fail(why);
  });
  keys.with("repo", [&](const node& x) {
    if (read_optional_text(x, text))
      if (auto why = set_repository(text, out); !why.empty())
        x.fail(why);
  });
}

void read_orchestrator(const node& root, settings& out, github_settings& github,
                       std::string& token) {
  object_reader keys{root,
                     {"$schema", "execution_mode", "max_parallel", "phase_timeout", "kill_grace",
                      "max_processes", "max_retries", "retry_delay", "backoff_multiplier",
                      "max_retry_delay", "jitter", "error_rules", "log_level", "listen", "github"}};
  keys.with("$schema", check_schema_key);
  keys.with("execution_mode", [&](const node& x) { read_enum<execution_mode, 3>(x, out.mode); });
  keys.with("max_parallel", [&](const node& x) { read_count(x, 0, 100'000, out.max_parallel); });
  keys.with("phase_timeout", [&](const node& x) { read_duration(x, true, out.phase_timeout); });
  keys.with("kill_grace", [&](const node& x) { read_duration(x, false, out.kill_grace); });
  keys.with("max_processes",
            [&](const node& x) { read_count(x, 0, most_processes, out.max_processes); });
  read_retry_keys(keys, out.retry);
  keys.with("error_rules", [&](const node& x) {
    for_each_item(x, 0, "an array of rules",
                  [&](const node& item) { read_error_rule(item, out.error_rules); });
  });
  keys.with("log_level", [&](const node& x) {
    std::size_t choice = 0;
    if (read_choice(x, log_levels, choice))
      out.log_level = log_levels[choice];
  });
  keys.with("listen", [&](const node& x) { read_listen(x, out); });
  keys.with("github", [&](const node& x) { read_github_access(x, github, token); });
}

void read_github_keys(const node& root, github_settings& out) {
  object_reader keys{root,
                     {"$schema", "enabled", "create_issues", "update_on_phase_start",
                      "update_on_phase_complete", "update_on_approval", "update_on_error", "labels",
                      "chatops", "commit_statuses", "drain_seconds"}};
  auto flag = [&](std::string_view key, bool& value) {
    keys.with(key, [&](const node& x) { read_bool(x, value); });
  };
  keys.with("$schema", check_schema_key);
  flag("enabled", out.enabled);
  flag("create_issues", out.create_issues);
  flag("update_on_phase_start", out.update_on_phase_start);
  flag("update_on_phase_complete", out.update_on_phase_complete);
  flag("update_on_approval", out.update_on_approval);
  flag("update_on_error", out.update_on_error);
  flag("commit_statuses", out.commit_statuses);
  keys.with("drain_seconds", [&](const node& x) { read_duration(x, false, out.drain_time); });
  // GitHub refuses labels of more than 50 characters.
  keys.with("labels", [&](const node& x) { read_texts(x, 0, 50, out.labels); });
  keys.with("chatops", [&](const node& x) {
    object_reader chatops{x, {"enabled", "poll_seconds"}};
    chatops.with("enabled", [&](const node& y) { read_bool(y, out.chatops); });
    chatops.with("poll_seconds", [&](const node& y) { read_duration(y, true, out.poll_interval); });
  });
}

/// A small file's text; false with `why` set, or empty where there is no such file.
bool read_text_file(const std::filesystem::path& path, std::string& text, std::string& why) {
  int fd = open_file(path, why);
  if (fd < 0)
    return false;
  std::array<char, 4'096> buffer{};
  ssize_t got = 0;
  while ((got = ::read(fd, buffer.data(), buffer.size())) > 0)
    text.append(buffer.data(), static_cast<std::size_t>(got));
  if (got < 0)
    why = std::string{"cannot be read: "} + std::strerror(errno);
  ::close(fd);
  return got == 0;
}

void warn_if_others_can_read(const std::filesystem::path& path, const env_list& variables,
                             document& doc) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || (info.st_mode & (S_IRGRP | S_IROTH)) == 0)
    return;
  for (const auto& [name, value] : variables)
    if (is_secret_name(name) && !value.empty())
      return doc.warnings.push_back(doc.file + ": others on this machine can read " + name
                                    + "; run chmod 600 on the file");
}

} // namespace

void read_retry_keys(const object_reader& keys, retry_policy& policy) {
  static constexpr std::array<std::string_view, 2> jitters = {"none", "full"};
  keys.with("max_retries", [&](const node& x) { read_count(x, 0, 1'000'000, policy.max_retries); });
  keys.with("retry_delay", [&](const node& x) { read_duration(x, false, policy.retry_delay); });
  keys.with("backoff_multiplier", [&](const node& x) {
    double value = 0;
    if (read_number(x, value) && (value < 1 || value > 1'000))
      x.expected("a number from 1 to 1000");
    else if (value != 0)
      policy.backoff_multiplier = value;
  });
  keys.with("max_retry_delay",
            [&](const node& x) { read_duration(x, false, policy.max_retry_delay); });
  keys.with("jitter", [&](const node& x) {
    std::size_t choice = 0;
    if (read_choice(x, jitters, choice))
      policy.full_jitter = choice == 1;
  });
}

void read_settings(const std::filesystem::path& path, document& doc, settings& out,
                   github_settings& github, std::string& token) {
  read_small_file(path, doc,
                  [&](const node& root) { read_orchestrator(root, out, github, token); });
}

void read_github(const std::filesystem::path& path, document& doc, github_settings& out) {
  read_small_file(path, doc, [&](const node& root) { read_github_keys(root, out); });
}

void read_env_file(const std::filesystem::path& path, document& doc, env_list& out) {
  std::string text;
  std::string why;
  if (!read_text_file(path, text, why)) {
    if (!why.empty())
      doc.fail({}, std::move(why));
    return;
  }
  auto file = parse_env(text);
  for (auto& [line, what] : file.problems)
    doc.fail({}, "line " + std::to_string(line) + ": " + what);
  warn_if_others_can_read(path, file.variables, doc);
  for (auto& variable : file.variables)
    if (std::none_of(out.begin(), out.end(),
                     [&](const auto& x) { return x.first == variable.first; }))
      out.push_back(std::move(variable));
}

namespace {

/// A variable's value from the environment, else from the .env files. Empty counts as not set, but
/// an empty variable of the real environment hides the one of a file.
struct variables {
  const environment& real;
  const env_list& files;

  std::string operator()(const std::string& name) const {
    if (auto value = real(name))
      return *value;
    for (const auto& [key, value] : files)
      if (key == name)
        return value;
    return {};
  }
};

/// Without TLS the token would be read on the way; on this machine there is no way.
bool is_local_http(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme))
    return false;
  url.remove_prefix(scheme.size());
  const auto host =
      url.substr(0, url.starts_with('[') ? url.find(']') + 1 : url.find_first_of(":/?#"));
  return host == "127.0.0.1" || host == "localhost" || host == "[::1]";
}

void check_api_url(std::string url, loaded& out, std::vector<problem>& problems) {
  while (!url.empty() && url.back() == '/')
    url.pop_back();
  bool good = (url.starts_with("https://") || is_local_http(url))
              && url.find_first_of(" \t\r\n@") == std::string::npos
              && url.size() > url.find("//") + 2;
  if (good)
    out.github_api_url = std::move(url);
  else
    // The text is not shown: it may hold a password.
    problems.push_back({"environment variable GITHUB_API_URL",
                        {},
                        "expected a URL such as https://github.example.com/api/v3, without user "
                        "and password; http only for a server on this machine"});
}

void check_github_access(const loaded& out, std::vector<problem>& problems,
                         const std::string& github_file) {
  if (!out.value.github.enabled)
    return;
  auto missing = [&](std::string_view what, std::string_view variable) {
    problems.push_back({github_file, "/enabled",
                        "GitHub is enabled but has no " + std::string{what} + ": set "
                            + std::string{variable} + " in .env or in the environment, or "
                            + "\"enabled\" to false"});
  };
  if (out.github_token.empty())
    missing("token", "GITHUB_TOKEN");
  if (out.value.github.repo.empty())
    missing("repository", "GITHUB_REPO");
  if (out.value.github.owner.empty())
    missing("owner", "GITHUB_OWNER (or GITHUB_REPO as OWNER/NAME)");
}

} // namespace

void apply_environment(const environment& real, const std::string& github_file, loaded& out,
                       std::vector<problem>& problems) {
  variables value{real, out.variables};
  auto fail = [&](const std::string& name, std::string what) {
    if (!what.empty())
      problems.push_back({"environment variable " + name, {}, std::move(what)});
  };
  if (auto mode = value("EXECUTION_MODE"); !mode.empty()) {
    if (auto known = execution_mode_from_string(mode))
      out.value.options.mode = *known;
    else
      fail("EXECUTION_MODE",
           R"(expected "automated", "manual" or "dry-run", found )" + in_quotes(mode));
  }
  if (auto token = value("GITHUB_TOKEN"); !token.empty())
    out.github_token = token;
  if (has_control_character(out.github_token))
    fail("GITHUB_TOKEN", "the token must be one line without control characters");
  if (auto owner = value("GITHUB_OWNER"); !owner.empty())
    fail("GITHUB_OWNER", set_owner(owner, out.value.github));
  if (auto repo = value("GITHUB_REPO"); !repo.empty())
    fail("GITHUB_REPO", set_repository(repo, out.value.github));
  if (auto url = value("GITHUB_API_URL"); !url.empty())
    check_api_url(std::move(url), out, problems);
  check_github_access(out, problems, github_file);
}

} // namespace aeo::config
