#include "actors/io/endpoint.hpp"

#include "actors/core/lenient_json.hpp"
#include "actors/io/files.hpp"
#include "messages/type_ids.hpp"

#include <sys/stat.h>

#include <fstream>
#include <iterator>

namespace aeo::io {

namespace lenient = core::lenient;

namespace {

/// Which folder it is, whatever it is called. False: it cannot be looked at.
bool identify(const std::filesystem::path& workspace, endpoint& x) {
  struct stat info {};
  if (::stat(workspace.c_str(), &info) != 0)
    return false;
  x.device = info.st_dev;
  x.inode = info.st_ino;
  return true;
}

std::uint64_t unsigned_number(const nlohmann::ordered_json& from, const char* key) {
  const auto found = from.find(key);
  return found != from.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

} // namespace

std::filesystem::path endpoint_file(const std::filesystem::path& workspace) {
  return workspace / "consolidation" / ".aeo" / "endpoint.json";
}

caf::error write_endpoint(const std::filesystem::path& workspace, const endpoint& x) {
  endpoint of = x;
  std::error_code error;
  of.workspace = std::filesystem::canonical(workspace, error).string();
  if (error || !identify(workspace, of))
    return file_error("look at", workspace, error ? error.value() : errno);
  const nlohmann::ordered_json json{
      {"host", of.host},           {"port", of.port},           {"pid", of.pid},
      {"execution", of.execution}, {"workspace", of.workspace}, {"device", of.device},
      {"inode", of.inode}};
  return replace_file(endpoint_file(workspace), lenient::dump(json, 2) + "\n", 0600);
}

caf::expected<endpoint> read_endpoint(const std::filesystem::path& workspace) {
  const auto file = endpoint_file(workspace);
  std::ifstream in{file, std::ios::binary};
  if (!in)
    return caf::make_error(ec::no_node, "no node runs in " + workspace.string());
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  const auto json = lenient::object(text);
  endpoint x;
  x.host = lenient::text(json, "host");
  const auto port = lenient::number(json, "port").value_or(0);
  x.pid = lenient::number(json, "pid").value_or(0);
  x.execution = lenient::text(json, "execution");
  x.workspace = lenient::text(json, "workspace");
  x.device = unsigned_number(json, "device");
  x.inode = unsigned_number(json, "inode");
  if (x.host.empty() || port <= 0 || port > 65535)
    return caf::make_error(ec::corrupt_state, file.string()
                                                  + " is damaged: the node writes it "
                                                    "anew when it starts");
  x.port = static_cast<std::uint16_t>(port);
  return x;
}

bool is_of_workspace(const endpoint& x, const std::filesystem::path& workspace) {
  endpoint here;
  return x.inode == 0
         || (identify(workspace, here) && x.device == here.device && x.inode == here.inode);
}

} // namespace aeo::io
