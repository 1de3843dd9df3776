#include "tools/node/github.hpp"

#include "tools/node/replay.hpp"

#include <utility>

namespace aeo::node {

std::unique_ptr<github_service> make_github(const options& o, const configuration& c) {
  if (!c.the_plan->github.enabled)
    return nullptr;
  auto result = std::make_unique<github_service>();
  result->api_url = c.github_api_url;
  result->open = [file = database_file(o)] { return io::open_outbox(file); };
  io::http_options http;
  http.token = c.github_token;
  http.user_agent = "aeo-node/" AEO_VERSION;
  result->connect = [http = std::move(http)](const github_actor& whom) {
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
