#include "actors/io/tls_context.hpp"

#include "actors/io/pem.hpp"
#include "actors/io/tls_session.hpp"
#include "messages/type_ids.hpp"

#include <utility>

namespace aeo::io {

namespace {

/// Of a peer that is not let in: what TLS tells it. "handshake failure" is what no other fault of
/// a certificate is told by.
int fault_of(token_verdict x) {
  switch (x) {
  case token_verdict::revoked:
    return X509_V_ERR_CERT_REVOKED;
  case token_verdict::expired:
    return X509_V_ERR_CERT_HAS_EXPIRED;
  default:
    return X509_V_ERR_APPLICATION_VERIFICATION;
  }
}

/// Who is not let in is told so by TLS.
int check_admission(int ok, X509_STORE_CTX* store) {
  if (ok != 1 || X509_STORE_CTX_get_error_depth(store) != 0)
    return ok;
  const auto* ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const auto* settings =
      static_cast<const tls_settings*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  if (!settings->admits)
    return 1;
  const auto verdict = settings->admits(serial_of(X509_STORE_CTX_get_current_cert(store)),
                                        address_of_peer(SSL_get_fd(ssl)));
  if (verdict == token_verdict::valid)
    return 1;
  X509_STORE_CTX_set_error(store, fault_of(verdict));
  return 0;
}

/// Both sides show a certificate of the authority, or there is no connection.
std::shared_ptr<const tls_settings> make_settings(const pem_identity& own,
                                                  const std::string& authority, admission admits) {
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
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     check_admission);
  // A revoked or expired peer must not come back by a ticket.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                                      | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
  auto result =
      std::make_shared<const tls_settings>(tls_settings{std::move(context), std::move(admits)});
  SSL_CTX_set_app_data(result->context.get(), const_cast<tls_settings*>(result.get()));
  return result;
}

} // namespace

caf::expected<tls_context> tls_context::of_node(const node_identity& x, admission admits) {
  tls_context result;
  result.settings_ = make_settings(x.node, x.authority.certificate, std::move(admits));
  if (!result.settings_)
    return caf::make_error(ec::internal, "the node's certificate and key do not fit together");
  return result;
}

caf::expected<tls_context> tls_context::of_credential(const credential& x) {
  tls_context result;
  result.settings_ = make_settings(x.identity, x.authority, nullptr);
  if (!result.settings_)
    return caf::make_error(ec::bad_configuration,
                           "the credential's certificate and key do not fit together: have a new "
                           "one issued");
  return result;
}

} // namespace aeo::io
