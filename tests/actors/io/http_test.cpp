#include "actors/io/http.hpp"
#include "tests/fixtures/canned_server.hpp"

#include <catch2/catch_test_macros.hpp>

#include <condition_variable>
#include <optional>

using namespace aeo;
using namespace aeo::testing;
using namespace std::chrono_literals;

namespace {

const std::string secret = "ghp_topsecret";

io::http_options quick() {
  io::http_options result;
  result.token = secret;
  result.timeout = 5s;
  result.largest_body = 1000;
  return result;
}

/// A client and what it answered.
class asker {
public:
  explicit asker(io::http_options options = quick())
      : client_(io::make_http_client(std::move(options), [this](http_reply&& reply) {
          const std::lock_guard guard{mutex_};
          replies_.push_back(std::move(reply));
          came_.notify_all();
        })) {}

  void send(io::http_request request) { client_->send(std::move(request)); }
  void stop() { client_->stop(); }
  http_reply next() {
    std::unique_lock guard{mutex_};
    REQUIRE(came_.wait_for(guard, 20s, [this] { return replies_.size() > taken_; }));
    return replies_[taken_++];
  }
  http_reply get(const std::string& url) {
    send({.url = url, .body = {}, .etag = {}});
    return next();
  }

private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<http_reply> replies_;
  std::size_t taken_ = 0;
  std::unique_ptr<io::http_client> client_; ///< First to go: it calls back.
};

std::string ok(const std::string& body, const std::string& headers = {}) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers
         + "\r\n" + body;
}

std::string moved(int status, const std::string& to) {
  return "HTTP/1.1 " + std::to_string(status) + " Moved\r\nLocation: " + to
         + "\r\nContent-Length: 0\r\n\r\n";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

} // namespace

TEST_CASE("a request carries the token, the version, the tag and the body; the reply comes whole") {
  canned_server server;
  server.answer(ok(R"({"a":1})", "ETag: \"e1\"\r\nX-RateLimit-Remaining: 12\r\n"));
  asker a;
  a.send({.method = "PATCH", .url = server.url(), .body = R"({"b":2})", .etag = "\"e0\""});
  const auto reply = a.next();
  CHECK(reply.fault == http_fault::none);
  CHECK(reply.status == 200);
  CHECK(reply.body == R"({"a":1})");
  CHECK(reply.headers.at("etag") == "\"e1\"");
  CHECK(reply.headers.at("x-ratelimit-remaining") == "12");
  const auto asked = server.requests().front();
  for (const auto* part : {"PATCH /x HTTP/1.1\r\n", "Authorization: Bearer ghp_topsecret\r\n",
                           "If-None-Match: \"e0\"", "X-GitHub-Api-Version: 2022-11-28\r\n",
                           "Accept: application/vnd.github+json\r\n", "\r\n\r\n{\"b\":2}"})
    CHECK(has(asked, part));
}

TEST_CASE("requests are answered in order, one at a time") {
  canned_server server;
  for (const auto* text : {"1", "2", "3"})
    server.answer(ok(text));
  asker a;
  for (int i = 0; i < 3; ++i)
    a.send({.url = server.url(), .body = {}, .etag = {}});
  for (const auto* text : {"1", "2", "3"})
    CHECK(a.next().body == text);
}

TEST_CASE("a renamed repository's request is repeated as it was, on the same server") {
  canned_server server;
  for (int status : {301, 307, 308}) {
    server.answer(moved(status, "/repositories/1"));
    server.answer(ok("{}"));
    asker a;
    a.send({.method = "POST", .url = server.url(), .body = R"({"b":2})", .etag = {}});
    const auto reply = a.next();
    CHECK(reply.status == 200);
    CHECK(reply.moved_to == server.url("/repositories/1"));
    const auto asked = server.requests().back();
    CHECK(has(asked, "POST /repositories/1 HTTP/1.1"));
    CHECK(has(asked, secret));
    CHECK(has(asked, R"({"b":2})"));
  }
}

TEST_CASE("no other server ever gets the token") {
  canned_server server;
  canned_server other;
  asker a;
  for (const auto& target : {other.url(), std::string{"https://127.0.0.1:1/"},
                             "http://localhost" + server.address().substr(9) + "/x"}) {
    server.answer(moved(301, target));
    const auto reply = a.get(server.url());
    CHECK(reply.fault == http_fault::redirect);
    CHECK(has(reply.problem, "another server"));
  }
  CHECK(other.requests().empty());
}

TEST_CASE("a server that redirects in circles is left") {
  canned_server server;
  for (int i = 0; i < 6; ++i)
    server.answer(moved(302, "/x"));
  CHECK(asker{}.get(server.url()).fault == http_fault::redirect);
  CHECK(server.requests().size() == 6);
}

TEST_CASE("whatever goes wrong is told apart, and without the token") {
  canned_server server;
  asker a;
  auto fault_of = [&a](const std::string& url) {
    const auto reply = a.get(url);
    INFO(reply.problem);
    CHECK(reply.status == 0);
    CHECK_FALSE(reply.problem.empty());
    CHECK_FALSE(has(reply.problem, secret));
    return reply.fault;
  };
  SECTION("the connection ends without an answer") {
    server.answer("");
    CHECK(fault_of(server.url()) == http_fault::broken);
  }
  SECTION("half a body") {
    server.answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":");
    CHECK(fault_of(server.url()) == http_fault::broken);
  }
  SECTION("an endless body") {
    server.answer(ok(std::string(2000, 'x')));
    CHECK(fault_of(server.url()) == http_fault::too_large);
  }
  SECTION("nobody listens") {
    CHECK(fault_of("http://127.0.0.1:1/") == http_fault::connect);
  }
  SECTION("no such name") {
    // Too long a part of a name: nobody needs to be asked, who might not answer in time.
    CHECK(fault_of("http://" + std::string(64, 'x') + ".invalid/") == http_fault::resolve);
  }
  SECTION("no TLS there") {
    server.answer("HTTP/1.1 400 Bad Request\r\n\r\n");
    CHECK(fault_of("https://" + server.address() + "/") == http_fault::handshake);
  }
  SECTION("another protocol") {
    CHECK(fault_of("file:///etc/passwd") == http_fault::unusable);
  }
}

TEST_CASE("a request that may have been acted on is never sent a second time by itself") {
  canned_server server;
  asker a;
  server.answer(ok("{}", canned_server::stays));
  CHECK(a.get(server.url()).status == 200);
  server.answer(ok("{}", canned_server::stays)); // For a connection that is opened anew.
  server.answer("");
  server.answer(ok("{}"));
  a.send({.method = "POST", .url = server.url(), .body = "{}", .etag = {}});
  CHECK(a.next().status == 200);
  a.send({.method = "POST", .url = server.url(), .body = "{}", .etag = {}});
  CHECK(a.next().fault == http_fault::broken);
  CHECK(server.requests().size() == 3);
}

TEST_CASE("a server that says nothing is given up after the time for it") {
  canned_server server;
  auto options = quick();
  options.timeout = 200ms;
  CHECK(asker{options}.get(server.url()).fault == http_fault::timeout);
}

TEST_CASE("a request that is stopped is answered, and so is the next one") {
  canned_server server;
  asker a;
  a.send({.url = server.url(), .body = {}, .etag = {}});
  while (server.requests().empty())
    std::this_thread::yield();
  a.stop();
  CHECK(a.next().fault == http_fault::stopped);
  server.answer(ok("{}"));
  CHECK(a.get(server.url()).status == 200);
}

TEST_CASE("a client that goes takes what is under way with it") {
  canned_server server;
  {
    asker a;
    a.send({.url = server.url(), .body = {}, .etag = {}});
    while (server.requests().empty())
      std::this_thread::yield();
  }
  CHECK(server.requests().size() == 1);
}
