#include "actors/io/tls_context.hpp"

#include "actors/io/pem.hpp"
#include "actors/io/tls_session.hpp"
#include "messages/type_ids.hpp"

#include <utility>

namespace aeo::io {

namespace {

/// Both sides show a certificate of the authority, or there is no connection.
std::shared_ptr<const tls_settings> make_settings(const pem_identity& own,
                                                  const std::string& authority) {
  ssl_context_ptr context{SSL_CTX_new(TLS_method())};
  auto certificate = parse_certificate(own.certificate);
  auto trusted = parse_certificate(authority);
  auto key = parse_key(own.key);
  auto made = context && certificate && trusted && key
              && SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) == 1
              && SSL_CTX_use_certificate(context.get(), certificate.get()) == 1
              && SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1
              && X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), trusted.get()) == 1;
  if (!made)
    return nullptr;
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  // A revoked or expired peer must not come back by a ticket.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                                      | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
  return std::make_shared<const tls_settings>(tls_settings{std::move(context)});
}

} // namespace

caf::expected<tls_context> tls_context::of_node(const node_identity& x) {
  tls_context result;
  result.settings_ = make_settings(x.node, x.authority.certificate);
  if (!result.settings_)
    return caf::make_error(ec::internal, "the node's certificate and key do not fit together");
  return result;
}

caf::expected<tls_context> tls_context::of_credential(const credential& x) {
  tls_context result;
  result.settings_ = make_settings(x.identity, x.authority);
  if (!result.settings_)
    return caf::make_error(ec::bad_configuration,
                           "the credential's certificate and key do not fit together: have a new "
                           "one issued");
  return result;
}

} // namespace aeo::io
