#include "tools/control/credential.hpp"

#include "actors/core/lenient_json.hpp"
#include "actors/core/text.hpp"
#include "actors/core/timestamp.hpp"
#include "actors/io/host.hpp"
#include "config/values.hpp"

#include <iostream>

namespace aeo::control {

namespace {

using nlohmann::ordered_json;

int fail(const caf::error& err) {
  std::cerr << "aeo-control: " << message_of(err) << '\n';
  return attach::exit_code_of(err);
}

int issue(const options& o) {
  const auto lifetime = config::parse_duration(o.lifetime);
  if (!lifetime || lifetime->count() <= 0) {
    std::cerr << "aeo-control: --expires: expected a time like 12h or 90d, got " << o.lifetime
              << '\n';
    return exit_code::usage;
  }
  std::string notes;
  auto identity = io::open_node_identity(o.target.workspace, io::now_us(), notes);
  if (!identity)
    return fail(identity.error());
  if (!notes.empty())
    std::cerr << "aeo-control: " << notes << '\n';
  const std::filesystem::path file = o.out.empty() ? o.name + ".aeo-credential.json" : o.out;
  std::error_code error;
  if (std::filesystem::exists(file, error)) {
    std::cerr << "aeo-control: " << file.string() << " is there already: name another with --out\n";
    return exit_code::failed;
  }
  io::credential_book book{o.target.workspace};
  auto made = book.issue(identity->authority, o.name, *access_role_from_string(o.role),
                         io::now_us(), lifetime->count() * 1000, io::user_name());
  if (!made)
    return fail(made.error());
  if (auto err = io::write_credential(file, *made))
    return fail(err);
  std::cout << file.string() << " lets " << o.name << " attach as " << o.role << " until "
            << core::short_time(made->expires_us)
            << "; it is a secret: hand it over by a safe way and delete it here\n";
  return exit_code::ok;
}

int list(const options& o) {
  io::credential_book book{o.target.workspace};
  auto all = book.list();
  if (!all)
    return fail(all.error());
  const auto now = io::now_us();
  if (o.json) {
    ordered_json rows = ordered_json::array();
    for (const auto& x : *all)
      rows.push_back(
          {{"name", x.name},
           {"role", to_string(x.role)},
           {"state", to_string(io::verdict_on(x, now))},
           {"issued_by", x.issued_by},
           {"issued_at", core::format_time(x.issued_us)},
           {"expires_at", core::format_time(x.expires_us)},
           {"revoked_at",
            x.revoked_us == 0 ? ordered_json{} : ordered_json(core::format_time(x.revoked_us))}});
    std::cout << core::lenient::dump(rows, 2) << '\n';
    return exit_code::ok;
  }
  if (all->empty())
    std::cout << "nobody has a credential yet: aeo-control credential issue --name NAME\n";
  for (const auto& x : *all)
    std::cout << core::pad_to_width(x.name, 24) << "  " << core::pad_to_width(to_string(x.role), 8)
              << "  " << core::pad_to_width(to_string(io::verdict_on(x, now)), 7) << "  until "
              << core::short_time(x.expires_us) << "  issued by " << x.issued_by << '\n';
  return exit_code::ok;
}

int revoke(const options& o) {
  io::credential_book book{o.target.workspace};
  if (auto err = book.revoke(o.name, io::now_us(), io::user_name()))
    return fail(err);
  std::cout << "the credential of " << o.name << " is revoked: the node takes it no more\n";
  return exit_code::ok;
}

} // namespace

int manage_credentials(const options& o) {
  if (!o.target.address.empty() || !o.target.credential.empty()) {
    std::cerr << "aeo-control: " << o.command
              << ": works on the files of a workspace, not through a node: run it where the node "
                 "runs, with --workspace and without --attach or --credential\n";
    return exit_code::usage;
  }
  if (o.command == "credential issue")
    return issue(o);
  return o.command == "credential list" ? list(o) : revoke(o);
}

} // namespace aeo::control
