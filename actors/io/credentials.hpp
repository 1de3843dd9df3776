#pragma once

// Who may attach to a node: one file per person, and the node's book of them, which knows tokens by
// their SHA-256 only.

#include "actors/io/tls_identity.hpp"
#include "messages/remote.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::io {

/// What a person holds: all that is needed to attach. A file of JSON, 0600:
/// {"version": 1, "name", "role", "token", "expires_us", "authority", "certificate", "key"}.
struct credential {
  std::string name;
  access_role role = access_role::viewer;
  std::string token;     ///< 256 random bits, base64url.
  std::string authority; ///< PEM: by which the node's certificate is checked.
  pem_identity identity; ///< The client certificate and its key.
  std::int64_t expires_us = 0;
};

/// Letters, digits and . _ @ -; at most 64.
bool is_credential_name(std::string_view);

/// Errors name the file, what is wrong and what to do. ec::not_found: there is none. Certificates
/// and key are looked at by who uses them: tls_context::of_credential, or check_certificates.
caf::expected<credential> read_credential(const std::filesystem::path& file);
/// ec::corrupt_state: a certificate or key of what was read from that file is none, or they do not
/// belong together; says which, and what to do.
caf::error check_certificates(const std::filesystem::path& file, const credential&);
/// Refuses to replace a file; 0600 from the start.
caf::error write_credential(const std::filesystem::path& file, const credential&);

/// What the node knows of a credential.
struct credential_record {
  std::string name;
  access_role role = access_role::viewer;
  std::string token_hash; ///< SHA-256, hex.
  std::string serial;     ///< Of the client certificate, hex.
  std::string issued_by;
  std::int64_t issued_us = 0;
  std::int64_t expires_us = 0;
  std::int64_t revoked_us = 0; ///< 0: it is not.
  std::string revoked_by;      ///< Empty also in books of before it was noted.

  /// The one that the node made for its own machine: nobody asked for it.
  bool is_local() const;
};

/// Why a token is not taken, or whose it is.
enum class token_verdict : std::uint8_t { valid, unknown, expired, revoked };
std::string_view to_string(token_verdict);
token_verdict verdict_on(const credential_record&, std::int64_t now_us);
/// Why it is not taken, for who shows it.
std::string refusal_text(token_verdict, const std::string& name);

/// WORKSPACE/consolidation/.aeo/credentials.json (0600): replaced as a whole, under a lock, by
/// whoever issues or revokes; looked at anew by who reads when it has changed. One thread at a
/// time. The file is {"version": 1, "credentials": [{"name", "role", "token_hash", "serial",
/// "issued_by", "issued_us", "expires_us", "revoked_us", "revoked_by"}, ...]}; it only ever grows.
class credential_book {
public:
  explicit credential_book(const std::filesystem::path& workspace);

  /// A new credential for a name that has no valid one. The certificate lives as long as it.
  /// ec::bad_configuration: a name or lifetime that cannot be. ec::wrong_state: the name is taken.
  caf::expected<credential> issue(const pem_identity& authority, const std::string& name,
                                  access_role, std::int64_t now_us, std::int64_t lifetime_us,
                                  const std::string& issued_by);
  /// ec::not_found: nobody has a valid one by this name.
  caf::error revoke(const std::string& name, std::int64_t now_us, const std::string& revoked_by);
  /// Newest last. An empty book where there is no file; a damaged one is an error that names it.
  caf::expected<std::vector<credential_record>> list();

  struct lookup {
    token_verdict verdict = token_verdict::unknown;
    credential_record record; ///< Of an unknown token: empty.
  };
  /// Compares in constant time; sees what was issued or revoked until this moment. A book that
  /// cannot be read lets nobody in: an error.
  caf::expected<lookup> find(const std::string& token, std::int64_t now_us);
  /// The same by the serial of the credential's certificate.
  caf::expected<lookup> find_serial(const std::string& serial, std::int64_t now_us);

private:
  friend caf::expected<credential> open_local_credential(const std::filesystem::path&,
                                                         const pem_identity&, std::int64_t,
                                                         const std::string&);
  /// Takes the place of earlier ones of its kind; who was issued one by the same name keeps it.
  caf::expected<credential> issue_local(const pem_identity& authority, const std::string& name,
                                        std::int64_t now_us, std::int64_t lifetime_us);
  caf::expected<credential> add(const pem_identity& authority, credential_record);
  /// The lock, and in records_ what the file holds under it.
  caf::expected<unique_fd> begin_change();
  caf::error refresh();
  caf::error save();

  std::filesystem::path workspace_;
  std::filesystem::path file_;
  std::vector<credential_record> records_;
  std::string seen_; ///< What the file was like when records_ were read: inode, size, times, ...
};

/// WORKSPACE/consolidation/.aeo/operator.json: the credential of whoever may read the workspace's
/// state anyway. Made by the node when it starts, by the name of the system's user; made anew when
/// it has expired, is about to (a day), was revoked, is not known to the book or is of another
/// authority. Lives for a year; characters of `user` that no name may have become '-'.
caf::expected<credential> open_local_credential(const std::filesystem::path& workspace,
                                                const pem_identity& authority, std::int64_t now_us,
                                                const std::string& user);

} // namespace aeo::io
