#include "actors/io/credentials.hpp"

#include "actors/core/sha256.hpp"
#include "actors/core/timestamp.hpp"
#include "actors/io/files.hpp"
#include "messages/type_ids.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace aeo::io {

namespace {

constexpr std::size_t token_bytes = 32;
constexpr auto max_time = std::numeric_limits<std::int64_t>::max();
// No credential that a person asks for is issued by this one: it has a space.
constexpr const char* local_issuer = "the node";

bool is_valid(const credential_record& x, std::int64_t now_us) {
  return x.revoked_us == 0 && now_us < x.expires_us;
}

/// Base64url of random bytes; empty: there is no randomness to be had.
std::string make_token() {
  std::array<unsigned char, token_bytes> raw{};
  std::array<unsigned char, 4 * ((token_bytes + 2) / 3) + 1> text{};
  if (RAND_bytes(raw.data(), static_cast<int>(raw.size())) != 1)
    return {};
  const auto size = EVP_EncodeBlock(text.data(), raw.data(), static_cast<int>(raw.size()));
  OPENSSL_cleanse(raw.data(), raw.size());
  std::string result(text.begin(), text.begin() + size);
  std::replace(result.begin(), result.end(), '+', '-');
  std::replace(result.begin(), result.end(), '/', '_');
  result.erase(std::min(result.find('='), result.size()));
  return result;
}

caf::error check_name(const std::string& name) {
  if (is_credential_name(name))
    return {};
  return caf::make_error(ec::bad_configuration,
                         "a credential's name has 1 to 64 of these characters: letters, digits and "
                         ". _ @ -");
}

/// A credential is of no use once the authority has ended.
caf::error check_lifetime(const pem_identity& authority, std::int64_t now_us,
                          std::int64_t lifetime_us) {
  if (lifetime_us <= 0 || now_us < 0 || lifetime_us > max_time - now_us)
    return caf::make_error(ec::bad_configuration,
                           "a credential must live for some time, and not for ever");
  const auto info = describe_certificate(authority.certificate);
  if (!info)
    return info.error();
  if (now_us + lifetime_us > info->until_us)
    return caf::make_error(ec::bad_configuration,
                           "a credential cannot outlive the node's authority, which ends "
                               + core::format_time(info->until_us) + "; choose a shorter lifetime");
  return {};
}

} // namespace

std::string_view to_string(token_verdict x) {
  constexpr std::array<std::string_view, 4> names = {"valid", "unknown", "expired", "revoked"};
  return names.at(static_cast<std::size_t>(x));
}

token_verdict verdict_on(const credential_record& x, std::int64_t now_us) {
  if (x.revoked_us != 0)
    return token_verdict::revoked;
  return is_valid(x, now_us) ? token_verdict::valid : token_verdict::expired;
}

std::string refusal_text(token_verdict x, const std::string& name) {
  switch (x) {
  case token_verdict::expired:
    return "the credential of " + name + " has expired: have a new one issued";
  case token_verdict::revoked:
    return "the credential of " + name + " was revoked";
  default:
    return "the node does not know this credential: it is of another workspace, or the node's list "
           "of them (consolidation/.aeo/credentials.json) is gone, or its workspace was renamed; "
           "put that right, or restart the node and have credentials issued anew";
  }
}

bool credential_record::is_local() const {
  return issued_by == local_issuer;
}

credential_book::credential_book(const std::filesystem::path& workspace)
    : workspace_(workspace), file_(workspace / "consolidation" / ".aeo" / "credentials.json") {}

caf::expected<unique_fd> credential_book::begin_change() {
  const auto dir = make_private_directory(workspace_);
  if (!dir)
    return dir.error();
  auto lock = lock_credentials(*dir);
  if (!lock)
    return lock;
  if (auto err = refresh())
    return err;
  // However the change ends: the next one to look takes what is in the file.
  seen_.clear();
  return lock;
}

caf::expected<credential> credential_book::add(const pem_identity& authority,
                                               credential_record record) {
  credential result{record.name,           record.role, make_token(),
                    authority.certificate, {},          record.expires_us};
  if (result.token.empty())
    return caf::make_error(ec::internal, "cannot make a token: there is no randomness to be had");
  auto identity = issue_certificate(authority, record.name, certificate_use::client,
                                    record.issued_us, record.expires_us);
  if (!identity)
    return std::move(identity.error());
  const auto info = describe_certificate(identity->certificate);
  if (!info)
    return info.error();
  result.identity = std::move(*identity);
  record.serial = info->serial;
  record.token_hash = core::sha256_hex(result.token);
  records_.push_back(std::move(record));
  if (auto err = save())
    return err;
  return result;
}

caf::expected<credential> credential_book::issue(const pem_identity& authority,
                                                 const std::string& name, access_role role,
                                                 std::int64_t now_us, std::int64_t lifetime_us,
                                                 const std::string& issued_by) {
  if (auto err = check_name(name))
    return err;
  if (auto err = check_lifetime(authority, now_us, lifetime_us))
    return err;
  const auto lock = begin_change();
  if (!lock)
    return lock.error();
  for (const auto& x : records_)
    if (x.name == name && is_valid(x, now_us))
      return caf::make_error(ec::wrong_state, name + " has a credential that is valid until "
                                                  + core::format_time(x.expires_us)
                                                  + "; revoke it first, or choose another name");
  return add(authority, {name, role, {}, {}, issued_by, now_us, now_us + lifetime_us, 0, {}});
}

caf::expected<credential> credential_book::issue_local(const pem_identity& authority,
                                                       const std::string& name, std::int64_t now_us,
                                                       std::int64_t lifetime_us) {
  if (auto err = check_lifetime(authority, now_us, lifetime_us))
    return err;
  const auto lock = begin_change();
  if (!lock)
    return lock.error();
  for (auto& x : records_)
    if (x.is_local() && is_valid(x, now_us)) {
      x.revoked_us = std::max<std::int64_t>(now_us, 1);
      x.revoked_by = local_issuer;
    }
  return add(
      authority,
      {name, access_role::operator_, {}, {}, local_issuer, now_us, now_us + lifetime_us, 0, {}});
}

caf::error credential_book::revoke(const std::string& name, std::int64_t now_us,
                                   const std::string& revoked_by) {
  const auto lock = begin_change();
  if (!lock)
    return lock.error();
  bool found = false;
  for (auto& x : records_)
    if (x.name == name && is_valid(x, now_us)) {
      x.revoked_us = std::max<std::int64_t>(now_us, 1);
      x.revoked_by = revoked_by;
      found = true;
    }
  // The name is not repeated: it may be a token, pasted by mistake.
  if (!found)
    return caf::make_error(ec::not_found, "nobody has a valid credential by this name");
  return save();
}

caf::expected<std::vector<credential_record>> credential_book::list() {
  if (auto err = refresh())
    return err;
  return records_;
}

caf::expected<credential_book::lookup> credential_book::find(const std::string& token,
                                                             std::int64_t now_us) {
  if (auto err = refresh())
    return err;
  const auto hash = core::sha256_hex(token);
  const credential_record* found = nullptr;
  // All of them, and each as a whole: how long it takes tells nothing. They have one length.
  for (const auto& x : records_)
    if (CRYPTO_memcmp(x.token_hash.data(), hash.data(), hash.size()) == 0)
      found = &x;
  return found ? lookup{verdict_on(*found, now_us), *found} : lookup{};
}

caf::expected<credential_book::lookup> credential_book::find_serial(const std::string& serial,
                                                                    std::int64_t now_us) {
  if (auto err = refresh())
    return err;
  const auto found = std::ranges::find(records_, serial, &credential_record::serial);
  return found == records_.end() ? lookup{} : lookup{verdict_on(*found, now_us), *found};
}

} // namespace aeo::io
