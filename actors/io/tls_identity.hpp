#pragma once

// Who a node and its peers are to each other: a private authority per workspace, and certificates
// issued by it. EC P-256, PEM, made with the OpenSSL library.

#include "actors/io/unique_fd.hpp"
#include "messages/error.hpp"

#include <caf/expected.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace aeo::io {

/// A certificate and its private key, as PEM text.
struct pem_identity {
  std::string certificate;
  std::string key;
};

enum class certificate_use : std::uint8_t { server, client };

/// A self-signed authority that may only sign certificates. Times: microseconds since the epoch.
/// Every certificate begins five minutes before `from_us`: clocks differ.
caf::expected<pem_identity> make_authority(const std::string& common_name, std::int64_t from_us,
                                           std::int64_t until_us);

/// A certificate for one use, with a random serial. `common_name` is the credential's name, or the
/// node's.
caf::expected<pem_identity> issue_certificate(const pem_identity& authority,
                                              const std::string& common_name, certificate_use,
                                              std::int64_t from_us, std::int64_t until_us);

struct certificate_info {
  std::string common_name;
  std::string serial; ///< Upper-case hex, without leading zeros.
  std::int64_t from_us = 0;
  std::int64_t until_us = 0;
};
caf::expected<certificate_info> describe_certificate(const std::string& pem);

/// What is wrong with the pair: a part that cannot be read, or a key of another certificate. Empty:
/// nothing.
std::string flaw_of(const pem_identity&);
/// Whether the authority signed the certificate; says nothing about times and uses.
bool is_issued_by(const std::string& certificate, const std::string& authority);

/// What a node shows and whom it trusts.
struct node_identity {
  pem_identity authority;
  pem_identity node;
};

/// Opens WORKSPACE/consolidation/.aeo/tls/ (0700; ca.pem ca.key node.pem node.key, 0600), making
/// what is not there. Each certificate is made anew when less than a third of its life is left: the
/// node's (a year) silently; the authority's (ten years), which makes all credentials invalid, with
/// a line in `notes`. A damaged file is an error that names it and says what to do; nothing is
/// overwritten by that. Files that others may read are an error, too. A certificate is put in place
/// after its key and goes before it: a key without one is of no use, and both are made.
caf::expected<node_identity> open_node_identity(const std::filesystem::path& workspace,
                                                std::int64_t now_us, std::string& notes);

/// What a file of keys or credentials holds; nullopt: there is no file. One that group or others
/// may touch is refused, as is what is no regular file or beyond all measure (16 MiB).
caf::expected<std::optional<std::string>> read_private_file(const std::filesystem::path&);

/// Taken by whoever makes identities or changes the book, waiting for others; held as long as the
/// descriptor lives. The file is credentials.lock in WORKSPACE/consolidation/.aeo.
caf::expected<unique_fd> lock_credentials(const std::filesystem::path& private_directory);

} // namespace aeo::io
