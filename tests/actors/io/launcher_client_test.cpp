// The node's end of the link, with bytes instead of a launcher at the other.

#include "actors/io/launcher_client.hpp"
#include "actors/io/launcher_folder.hpp"
#include "actors/io/launcher_protocol.hpp"
#include "tests/fixtures/launcher_rig.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sys/socket.h>

#include <thread>

using namespace aeo;
using namespace aeo::fixtures;
namespace wire = aeo::io::wire;

namespace {

/// Serves one node: answers its first word with one datagram, then reads until it hangs up.
class one_answer {
public:
  one_answer(const std::filesystem::path& workspace, const std::vector<wire::message>& answer) {
    std::string why;
    const auto folder = io::open_launcher_folder(workspace, why);
    INFO(why);
    socket_ = io::listen_in(folder.get());
    REQUIRE(socket_);
    ::fcntl(socket_.get(), F_SETFL, 0);
    for (const auto& msg : answer)
      wire::append(answer_, msg);
    thread_ = std::jthread{[this] { serve(); }};
  }
  ~one_answer() { ::shutdown(socket_.get(), SHUT_RDWR); } // No node came: nor will one.
  one_answer(const one_answer&) = delete;
  one_answer& operator=(const one_answer&) = delete;

private:
  void serve() const {
    const io::unique_fd node{::accept(socket_.get(), nullptr, nullptr)};
    std::string word(wire::max_datagram, '\0');
    const auto hear = [&] { return ::recv(node.get(), word.data(), word.size(), 0) > 0; };
    if (hear() && ::send(node.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL) > 0)
      while (hear()) {
      }
  }

  io::unique_fd socket_;
  std::string answer_;
  std::jthread thread_;
};

} // namespace

TEST_CASE("a task that ends while the launcher greets is told as one that ran and has ended") {
  const scratch_folder workspace;
  task_start start;
  start.key = {"0", "T1", 1};
  task_exit exit;
  exit.key = start.key;
  exit.kind = exit_kind::exited;
  exit.code = 3;
  const one_answer launcher{workspace.path(),
                            {wire::welcome{}, start, wire::inventory_end{}, exit}};
  heard said;
  const auto link = io::connect_launcher(launcher_of(workspace.path()), said.callbacks());
  REQUIRE(link);
  REQUIRE(link->inventory.running.size() == 1);
  CHECK(link->inventory.running.front().key == start.key);
  CHECK(link->inventory.ended.empty());
  CHECK(said.exit_of(start.key).code == 3);
}
