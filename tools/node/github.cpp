#include "tools/node/github.hpp"

#include "actors/core/github_check.hpp"
#include "actors/core/github_rules.hpp"
#include "actors/core/lenient_json.hpp"
#include "actors/io/checkout.hpp"
#include "actors/io/host.hpp"
#include "actors/io/standard_output.hpp"
#include "messages/exit_code.hpp"
#include "tools/node/replay.hpp"

#include <future>
#include <iostream>
#include <utility>

namespace aeo::node {

namespace {

std::string host_of(std::string_view url) {
  url.remove_prefix(url.find("//") + 2);
  return std::string{url.substr(0, url.find('/'))};
}

/// The workspace's commit, where it is a checkout of a repository on this GitHub.
std::optional<core::commit_target> commit_of(const options& o, const configuration& c) {
  if (!c.the_plan->github.commit_statuses)
    return std::nullopt;
  const auto found = io::read_checkout(o.workspace);
  if (!found)
    return std::nullopt;
  auto repository = core::repository_of_remote(found->remote, host_of(c.github_api_url));
  if (repository.empty())
    return std::nullopt;
  return core::commit_target{std::move(repository), found->sha};
}

io::http_options http_options_of(const configuration& c) {
  io::http_options result;
  result.token = c.github_token;
  result.user_agent = "aeo-node/" AEO_VERSION;
  return result;
}

http_reply get_now(const configuration& c, const std::string& path) {
  std::promise<http_reply> answer;
  auto client = io::make_http_client(
      http_options_of(c), [&answer](http_reply&& reply) { answer.set_value(std::move(reply)); });
  client->send({.url = c.github_api_url + path, .body = {}, .etag = {}});
  return answer.get_future().get();
}

} // namespace

int check_github(const options& o, const configuration& c) {
  if (!c.the_plan->github.enabled) {
    std::cerr << "aeo-node: --check-github: github_config.json does not enable GitHub\n";
    return exit_code::configuration;
  }
  auto lines = core::check_github(c.the_plan->github, host_of(c.github_api_url), io::now_us(),
                                  [&c](const std::string& path) { return get_now(c, path); });
  auto good = true;
  auto list = nlohmann::ordered_json::array();
  for (const auto& line : lines) {
    const auto text = c.mask.mask(line.text);
    good = good && line.good.value_or(true);
    const auto* word = !line.good ? "not_measured" : *line.good ? "ok" : "PROBLEM";
    if (o.json)
      list.push_back({{"check", line.what}, {"result", word}, {"text", text}});
    else
      std::cout << "GitHub " << line.what << ": " << word << ": " << text << "\n";
  }
  if (o.json)
    std::cout << core::lenient::dump(nlohmann::ordered_json{{"github", list}}) << "\n";
  return io::end_output("aeo-node", good ? exit_code::ok : exit_code::configuration);
}

std::unique_ptr<github_service> make_github(const options& o, const configuration& c) {
  if (!c.the_plan->github.enabled)
    return nullptr;
  auto result = std::make_unique<github_service>();
  result->api_url = c.github_api_url;
  result->commit = commit_of(o, c);
  result->open = [file = database_file(o)] { return io::open_outbox(file); };
  result->connect = [http = http_options_of(c)](const github_actor& whom) {
    // A weak handle: the client is the actor's own.
    return io::make_http_client(
        http, [to = caf::actor_cast<caf::weak_actor_ptr>(whom)](http_reply&& reply) {
          if (auto strong = to.lock())
            caf::anon_send(caf::actor_cast<github_actor>(strong), std::move(reply));
        });
  };
  return result;
}

} // namespace aeo::node
