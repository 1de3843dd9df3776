// Which ports are free, and which ones a process listens on: /proc/net/tcp and /proc/PID/fd.
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/load_target.hpp"
#include "tools/consolidate/paths.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

namespace aeo::consolidate {

namespace fs = std::filesystem;

namespace {

/// `SL LOCAL:PORT REMOTE ST TX:RX TR:WHEN RETRNSMT UID TIMEOUT INODE`; state 0A is LISTEN.
void read_listeners(const char* file, const std::set<std::string>& inodes,
                    std::set<std::uint16_t>& ports) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    std::vector<std::string_view> fields;
    for (const auto part : split(line, ' ')) {
      if (!part.empty())
        fields.push_back(part);
    }
    if (fields.size() < 10 || fields[3] != "0A" || !inodes.contains(std::string(fields[9])))
      continue;
    const auto text = fields[1].substr(fields[1].rfind(':') + 1);
    std::uint16_t port = 0;
    std::from_chars(text.data(), text.data() + text.size(), port, 16);
    ports.insert(port);
  }
}

} // namespace

std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool ok =
      fd >= 0 && ::bind(fd, generic, size) == 0 && ::getsockname(fd, generic, &size) == 0;
  const int problem = errno;
  if (fd >= 0)
    ::close(fd);
  if (!ok)
    throw failure(exit_status::try_again,
                  std::string("no free port on 127.0.0.1: ") + std::strerror(problem));
  return ntohs(address.sin_port);
}

std::vector<std::uint16_t> listening_ports(const std::vector<int>& pids) {
  std::set<std::string> inodes;
  for (const int pid : pids) {
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", ec)) {
      const auto target = fs::read_symlink(entry.path(), ec).string();
      if (target.starts_with("socket:["))
        inodes.insert(target.substr(8, target.size() - 9));
    }
  }
  std::set<std::uint16_t> ports;
  read_listeners("/proc/net/tcp", inodes, ports);
  read_listeners("/proc/net/tcp6", inodes, ports);
  return {ports.begin(), ports.end()};
}

} // namespace aeo::consolidate
