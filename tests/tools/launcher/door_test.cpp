// Who may talk to a launcher, and how.

#include "actors/io/launcher_protocol.hpp"
#include "tests/tools/launcher/connected.hpp"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <optional>

using namespace aeo;
using namespace aeo::fixtures;
namespace wire = aeo::io::wire;

namespace {

/// A connection of bytes instead of the client.
class raw_link {
public:
  explicit raw_link(const std::filesystem::path& workspace) {
    std::string why;
    const auto folder = io::open_launcher_folder(workspace, why);
    socket_ = io::connect_in(folder.get());
    REQUIRE(socket_);
    ::fcntl(socket_.get(), F_SETFL, 0);
  }
  void send(std::string_view datagram) {
    REQUIRE(::send(socket_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL)
            == static_cast<ssize_t>(datagram.size()));
  }
  void say(const wire::message& msg) {
    std::string text;
    wire::append(text, msg);
    send(text);
  }
  /// The next datagram's messages; none when the launcher hung up.
  std::vector<wire::message> hear() {
    static std::string buffer(wire::max_datagram, '\0');
    std::vector<wire::message> to;
    std::string why;
    ssize_t n = 0;
    do
      n = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    while (n < 0 && errno == ECONNRESET);
    if (n > 0)
      REQUIRE(
          wire::decode(std::string_view{buffer}.substr(0, static_cast<std::size_t>(n)), to, why));
    return to;
  }
  bool hung_up() { return hear().empty(); }

private:
  io::unique_fd socket_;
};

std::string text_of(const wire::message& msg) {
  std::string text;
  wire::append(text, msg);
  return text;
}

} // namespace

TEST_CASE("malformed datagrams end their connection, and only that") {
  connected c;
  auto before = c.script("T0", "sleep 1000");
  REQUIRE_FALSE(c.link.client->start({before}));
  const auto hello = text_of(wire::hello{wire::protocol_version, "e-1"});
  for (const auto& datagram :
       {std::string{"garbage"}, std::string(100'000, '\xff'), hello.substr(0, 7), hello + "x",
        text_of(wire::cancel{before.key}), text_of(before), hello + text_of(before),
        text_of(wire::inventory_end{}), std::string{"\0", 1}}) {
    raw_link bad{c.workspace.path()};
    bad.send(datagram);
    CHECK(bad.hung_up());
  }
  CHECK(c.run(c.script("T1", "true")).ok());
  CHECK(c.said.times_exited(before.key) == 0);
  REQUIRE_FALSE(c.link.client->cancel({before.key}));
  CHECK(c.said.exit_of(before.key).kind == exit_kind::cancelled);
}

TEST_CASE("a start before the environment ends the connection") {
  const scratch_folder workspace;
  heard said;
  const auto first = io::connect_launcher(launcher_of(workspace.path()), said.callbacks());
  raw_link node{workspace.path()};
  first->client->close(); // Only now: without a node it would not stay for long.
  node.say(wire::hello{wire::protocol_version, "e-1"});
  REQUIRE_FALSE(node.hung_up());
  node.say(make_task(workspace.path(), "T1", {"true"}));
  CHECK(node.hung_up());
}

TEST_CASE("a node of another version is told which version the launcher speaks") {
  connected c;
  raw_link node{c.workspace.path()};
  node.say(wire::hello{wire::protocol_version + 1, "e-1"});
  const auto answer = node.hear();
  REQUIRE(answer.size() == 1);
  const auto& refused = std::get<wire::refused>(answer.front());
  CHECK(refused.code == wire::refusal::other_version);
  CHECK(refused.reason.find("speaks protocol 3, the node 4") != std::string::npos);
  CHECK(node.hung_up());
}

TEST_CASE("a second node is refused while the first lives, and told its pid") {
  connected c;
  heard said;
  const auto second = io::connect_launcher(launcher_of(c.workspace.path()), said.callbacks());
  REQUIRE_FALSE(second);
  CHECK(message_of(second.error()).find("serves the node with pid " + std::to_string(::getpid()))
        != std::string::npos);
  CHECK(c.run(c.script("T1", "true")).ok());
}

TEST_CASE("a second launcher does not take the workspace of one that lives") {
  connected c;
  const auto program = (std::filesystem::path{AEO_BIN_DIR} / "aeo-launcher").string();
  const auto workspace = c.workspace.path().string();
  std::vector<std::string> text = {program, "--workspace", workspace, "--execution", "e-1"};
  std::vector<char*> argv;
  argv.reserve(text.size() + 1);
  for (auto& x : text)
    argv.push_back(x.data());
  argv.push_back(nullptr);
  const auto complaint = c.workspace.path() / "stderr";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 2, complaint.c_str(), O_WRONLY | O_CREAT, 0600);
  pid_t pid = 0;
  REQUIRE(::posix_spawn(&pid, program.c_str(), &actions, nullptr, argv.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 75);
  CHECK(content(complaint).find("another launcher serves " + workspace + ": pid ")
        != std::string::npos);
  CHECK(c.run(c.script("T1", "true")).ok());
}

TEST_CASE("the launcher's folder is private") {
  const scratch_folder workspace;
  const auto folder = workspace.path() / "consolidation/.aeo";
  std::filesystem::create_directories(folder); // With everybody's permissions.
  heard said;
  const auto link = io::connect_launcher(launcher_of(workspace.path()), said.callbacks());
  REQUIRE(link);
  struct stat info {};
  REQUIRE(::stat(folder.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0700U);
}

TEST_CASE("a launcher is in nobody's session but its own, and has no foreign files") {
  const auto foreign = ::open("/dev/null", O_RDONLY); // Not close-on-exec.
  connected c;
  const auto x = c.run(c.script("T1", "cut -d' ' -f4 /proc/$$/stat; ls -l /proc/$PPID/fd"));
  CHECK(x.ok());
  const auto log = content(c.workspace.path() / "consolidation/logs/0/T1.1.log");
  const auto info = io::find_process(std::stoi(log));
  REQUIRE(info);
  CHECK(info->session == info->pid);
  CHECK(info->session != ::getsid(0));
  ::close(foreign);
}

TEST_CASE("a node that does not read never blocks the launcher, and gets everything later") {
  const scratch_folder workspace;
  heard said;
  const auto first = io::connect_launcher(launcher_of(workspace.path()), said.callbacks());
  raw_link node{workspace.path()};
  first->client->close(); // Only now: without a node it would not stay for long.
  node.say(wire::hello{wire::protocol_version, "e-1"});
  node.say(wire::environment_end{});
  const auto task = make_script(workspace.path(), "T1", "exec sleep 1000");
  // Each is answered with the start of the one that runs; the socket holds far fewer answers.
  constexpr std::size_t count = 20'000;
  for (std::size_t i = 0; i < count; ++i)
    node.say(task);
  node.say(wire::cancel{task.key});
  std::size_t starts = 0;
  std::optional<task_exit> exit;
  while (!exit) {
    const auto messages = node.hear();
    REQUIRE_FALSE(messages.empty());
    for (const auto& msg : messages) {
      starts += std::holds_alternative<task_start>(msg) ? 1U : 0U;
      if (const auto* x = std::get_if<task_exit>(&msg))
        exit = *x;
    }
  }
  INFO(to_string(exit->kind) << " " << exit->code << " " << exit->detail);
  CHECK(exit->kind == exit_kind::cancelled);
  CHECK(starts == count);
}

TEST_CASE("an idle launcher ends by itself and leaves nothing to talk to") {
  io::unique_fd launcher;
  const scratch_folder workspace;
  {
    heard said;
    auto link = io::connect_launcher(launcher_of(workspace.path()), said.callbacks());
    REQUIRE(link);
    launcher = launcher_process(workspace.path());
  }
  REQUIRE(launcher);
  CHECK(ends(launcher));
  CHECK_FALSE(std::filesystem::exists(workspace.path() / "consolidation/.aeo/launcher.sock"));
  CHECK_FALSE(std::filesystem::exists(workspace.path() / "consolidation/logs"));
}

TEST_CASE("a launcher whose workspace is removed does not make it again") {
  const scratch_folder workspace{"there"};
  heard said;
  auto link = io::connect_launcher(launcher_of(workspace.path()), said.callbacks());
  REQUIRE(link);
  auto launcher = launcher_process(workspace.path());
  REQUIRE(launcher);
  std::filesystem::remove_all(workspace.path());
  // Its end has to be recorded, which is not possible any more; that is worth a note.
  auto spec = make_task(workspace.path(), "t", {"true"});
  spec.cwd = "/";
  REQUIRE_FALSE(link->client->start({spec}));
  CHECK(said.exit_of(spec.key).ok());
  link->client->close();
  CHECK(ends(launcher));
  CHECK_FALSE(std::filesystem::exists(workspace.path()));
}
