#include "actors/core/lenient_json.hpp"
#include "actors/io/credentials.hpp"
#include "actors/io/files.hpp"
#include "messages/type_ids.hpp"

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

namespace aeo::io {

namespace {

using json = nlohmann::ordered_json;

constexpr std::uint64_t credential_version = 1;
constexpr std::size_t max_name = 64;
constexpr std::size_t token_length = 43;
constexpr std::string_view letters_and_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::int64_t local_margin_us = 86'400'000'000;
constexpr std::int64_t local_life_us = 365 * local_margin_us;

caf::error damaged_credential(const std::filesystem::path& file, const std::string& what) {
  return caf::make_error(ec::corrupt_state,
                         file.string() + " is no good credential: " + what
                             + ". Put back a copy of it; or remove it and have a new one issued "
                               "(the node makes operator.json itself when it starts)");
}

bool is_name_character(char c) {
  return letters_and_digits.find(c) != letters_and_digits.npos
         || std::string_view("._@-").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return text.size() == token_length && std::all_of(text.begin(), text.end(), [](char c) {
           return c == '-' || c == '_' || letters_and_digits.find(c) != letters_and_digits.npos;
         });
}

std::string to_text(const credential& x) {
  const json document = {{"version", credential_version},
                         {"name", x.name},
                         {"role", to_string(x.role)},
                         {"token", x.token},
                         {"expires_us", x.expires_us},
                         {"authority", x.authority},
                         {"certificate", x.identity.certificate},
                         {"key", x.identity.key}};
  return core::lenient::dump(document, 2) + '\n';
}

/// "" for what is missing or no text: no member may be empty.
std::string text_in(const json& document, const char* key) {
  const auto found = document.find(key);
  return found != document.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<std::uint64_t> number_in(const json& document, const char* key) {
  const auto found = document.find(key);
  if (found == document.end() || !found->is_number_unsigned())
    return std::nullopt;
  return found->get<std::uint64_t>();
}

/// What is wrong, by the name of the member and never by its text; empty: nothing.
std::string take_members(const json& document, credential& to) {
  to.name = text_in(document, "name");
  const auto role = access_role_from_string(text_in(document, "role"));
  const auto expires = number_in(document, "expires_us");
  to.token = text_in(document, "token");
  to.authority = text_in(document, "authority");
  to.identity = {text_in(document, "certificate"), text_in(document, "key")};
  if (!is_credential_name(to.name))
    return "\"name\" is missing or no name";
  if (!role)
    return "\"role\" is missing or neither viewer nor operator";
  if (!is_token(to.token))
    return "\"token\" is missing or no token";
  if (!expires || *expires > std::numeric_limits<std::int64_t>::max())
    return "\"expires_us\" is missing or no time";
  to.role = *role;
  to.expires_us = static_cast<std::int64_t>(*expires);
  return {};
}

/// 0 or an errno.
int write_whole(int fd, std::string_view rest) {
  while (!rest.empty()) {
    const auto written = ::write(fd, rest.data(), rest.size());
    if (written >= 0)
      rest.remove_prefix(static_cast<std::size_t>(written));
    else if (errno != EINTR)
      return errno;
  }
  return ::fsync(fd) == 0 ? 0 : errno;
}

std::string local_name(std::string user) {
  user.resize(std::min(user.size(), max_name));
  std::replace_if(
      user.begin(), user.end(), [](char c) { return !is_name_character(c); }, '-');
  return user.empty() ? "operator" : user;
}

} // namespace

bool is_credential_name(std::string_view name) {
  return !name.empty() && name.size() <= max_name
         && std::all_of(name.begin(), name.end(), is_name_character);
}

caf::expected<credential> read_credential(const std::filesystem::path& file) {
  const auto text = read_private_file(file);
  if (!text)
    return text.error();
  if (!*text)
    return caf::make_error(ec::not_found, file.string()
                                              + " is not there; have a credential issued for you "
                                                "and name its file");
  const auto document = json::parse(**text, nullptr, false);
  if (!document.is_object())
    return damaged_credential(file, "it is no JSON object");
  const auto version = number_in(document, "version");
  if (!version || *version == 0)
    return damaged_credential(file, "\"version\" is missing or no number from 1 on");
  if (*version > credential_version)
    return caf::make_error(ec::newer_schema, file.string()
                                                 + " was written by a newer program (version "
                                                 + std::to_string(*version) + "); use that one");
  credential result;
  if (const auto wrong = take_members(document, result); !wrong.empty())
    return damaged_credential(file, wrong);
  return result;
}

caf::error check_certificates(const std::filesystem::path& file, const credential& x) {
  if (!describe_certificate(x.authority))
    return damaged_credential(file, "\"authority\" is missing or no certificate");
  if (const auto flaw = flaw_of(x.identity); !flaw.empty())
    return damaged_credential(file, "of \"certificate\" and \"key\", " + flaw);
  return {};
}

caf::error write_credential(const std::filesystem::path& file, const credential& x) {
  constexpr auto mode = S_IRUSR | S_IWUSR;
  const unique_fd fd{::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)};
  if (!fd && errno == EEXIST)
    return caf::make_error(ec::wrong_state, file.string()
                                                + " is there already and is not replaced; remove "
                                                  "it first, or name another file");
  if (!fd)
    return file_error("make", file, errno);
  const auto error = ::fchmod(fd.get(), mode) != 0 ? errno : write_whole(fd.get(), to_text(x));
  if (error != 0) {
    ::unlink(file.c_str());
    return file_error("write", file, error);
  }
  return sync_directory(file.parent_path());
}

caf::expected<credential> open_local_credential(const std::filesystem::path& workspace,
                                                const pem_identity& authority, std::int64_t now_us,
                                                const std::string& user) {
  const auto dir = make_private_directory(workspace);
  if (!dir)
    return dir.error();
  const auto file = *dir / "operator.json";
  credential_book book(workspace);
  auto held = read_credential(file);
  if (!held && held.error() != ec::not_found)
    return held;
  if (held) {
    if (auto err = check_certificates(file, *held))
      return err;
    const auto known = book.find(held->token, now_us + local_margin_us);
    if (!known)
      return known.error();
    if (known->verdict == token_verdict::valid && held->authority == authority.certificate)
      return held;
  }
  const auto info = describe_certificate(authority.certificate);
  if (!info)
    return info.error();
  auto made = book.issue_local(authority, local_name(user), now_us,
                               std::min(local_life_us, info->until_us - now_us));
  if (!made)
    return made;
  if (auto err = replace_file(file, to_text(*made), S_IRUSR | S_IWUSR))
    return err;
  return made;
}

} // namespace aeo::io
