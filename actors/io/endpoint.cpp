#include "actors/io/endpoint.hpp"

#include "actors/core/lenient_json.hpp"
#include "actors/io/files.hpp"
#include "messages/type_ids.hpp"

#include <fstream>
#include <iterator>

namespace aeo::io {

namespace lenient = core::lenient;

std::filesystem::path endpoint_file(const std::filesystem::path& workspace) {
  return workspace / "consolidation" / ".aeo" / "endpoint.json";
}

caf::error write_endpoint(const std::filesystem::path& workspace, const endpoint& x) {
  const nlohmann::ordered_json json{
      {"host", x.host}, {"port", x.port}, {"pid", x.pid}, {"execution", x.execution}};
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
  if (x.host.empty() || port <= 0 || port > 65535)
    return caf::make_error(ec::corrupt_state, file.string()
                                                  + " is damaged: the node writes it "
                                                    "anew when it starts");
  x.port = static_cast<std::uint16_t>(port);
  return x;
}

} // namespace aeo::io
