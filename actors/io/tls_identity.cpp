#include "actors/io/tls_identity.hpp"

#include "actors/io/pem.hpp"
#include "messages/type_ids.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <utility>

namespace aeo::io {

namespace {

constexpr std::int64_t second_us = 1'000'000;
constexpr std::time_t clock_skew_s = 5 * 60;
constexpr std::int64_t last_time_us = 253'402'300'799 * second_us; // Of the year 9999: four digits.
constexpr int serial_bits = 127;                                   // Positive in 16 bytes.
constexpr std::size_t max_common_name = 64;

// An error that stays in the thread's queue would be taken for one of its next TLS call.
caf::error openssl_error(const std::string& what) {
  const auto* reason = ERR_reason_error_string(ERR_peek_error());
  auto text = "cannot " + what + ": " + (reason ? reason : "OpenSSL does not say why");
  ERR_clear_error();
  return caf::make_error(ec::internal, std::move(text));
}

bool belongs_to(const X509* certificate, EVP_PKEY* key) {
  const bool result = X509_check_private_key(certificate, key) == 1;
  ERR_clear_error();
  return result;
}

caf::expected<pem_identity> to_pem(X509* certificate, const EVP_PKEY* key) {
  const bio_ptr shown{BIO_new(BIO_s_mem())};
  const bio_ptr hidden{BIO_new(BIO_s_secmem())};
  if (!shown || !hidden || PEM_write_bio_X509(shown.get(), certificate) != 1
      || PEM_write_bio_PrivateKey(hidden.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return openssl_error("write a certificate");
  const auto text_in = [](BIO* bio) {
    char* data = nullptr;
    const auto size = BIO_get_mem_data(bio, &data);
    return std::string(data, static_cast<std::size_t>(size));
  };
  return pem_identity{text_in(shown.get()), text_in(hidden.get())};
}

bool set_random_serial(X509* certificate) {
  const bignum_ptr number{BN_new()};
  return number && BN_rand(number.get(), serial_bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1
         && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_times(X509* certificate, std::int64_t from_us, std::int64_t until_us) {
  const auto from = static_cast<std::time_t>(from_us / second_us) - clock_skew_s;
  const auto until = static_cast<std::time_t>(until_us / second_us);
  return ASN1_TIME_set(X509_getm_notBefore(certificate), from) != nullptr
         && ASN1_TIME_set(X509_getm_notAfter(certificate), until) != nullptr;
}

bool set_subject(X509* certificate, const std::string& common_name) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(common_name.data());
  return X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                    MBSTRING_UTF8, bytes, static_cast<int>(common_name.size()), -1,
                                    0)
         == 1;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const extension_ptr extension{X509V3_EXT_nconf_nid(nullptr, &context, nid, value)};
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool add_authority_extensions(X509* certificate) {
  return add_extension(certificate, certificate, NID_basic_constraints,
                       "critical,CA:TRUE,pathlen:0")
         && add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign")
         && add_extension(certificate, certificate, NID_subject_key_identifier, "hash");
}

bool add_leaf_extensions(X509* certificate, X509* issuer, certificate_use use) {
  const auto* purpose = use == certificate_use::server ? "serverAuth" : "clientAuth";
  return add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE")
         && add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature")
         && add_extension(certificate, issuer, NID_ext_key_usage, purpose)
         && add_extension(certificate, issuer, NID_subject_key_identifier, "hash")
         && add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always");
}

caf::error check_request(const std::string& common_name, std::int64_t from_us,
                         std::int64_t until_us) {
  if (common_name.empty() || common_name.size() > max_common_name)
    return caf::make_error(ec::bad_configuration,
                           "the name in a certificate must have 1 to 64 bytes");
  if (from_us < 0 || from_us >= until_us || until_us > last_time_us)
    return caf::make_error(ec::bad_configuration,
                           "a certificate must end after it begins, between 1970 and 9999");
  return {};
}

/// All that does not depend on the issuer.
certificate_ptr draft_certificate(EVP_PKEY* key, const std::string& common_name,
                                  std::int64_t from_us, std::int64_t until_us) {
  certificate_ptr result{X509_new()};
  if (!result || X509_set_version(result.get(), X509_VERSION_3) != 1
      || !set_random_serial(result.get()) || !set_times(result.get(), from_us, until_us)
      || !set_subject(result.get(), common_name) || X509_set_pubkey(result.get(), key) != 1)
    return nullptr;
  return result;
}

std::string common_name_of(const X509* certificate) {
  const auto* subject = X509_get_subject_name(certificate);
  const auto at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  const auto* entry = at < 0 ? nullptr : X509_NAME_get_entry(subject, at);
  unsigned char* bytes = nullptr;
  const auto size = entry ? ASN1_STRING_to_UTF8(&bytes, X509_NAME_ENTRY_get_data(entry)) : -1;
  std::string result;
  if (size > 0)
    result.assign(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return result;
}

std::optional<std::int64_t> microseconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1)
    return std::nullopt;
  return static_cast<std::int64_t>(::timegm(&parts)) * second_us;
}

} // namespace

caf::expected<pem_identity> make_authority(const std::string& common_name, std::int64_t from_us,
                                           std::int64_t until_us) {
  if (auto err = check_request(common_name, from_us, until_us))
    return err;
  const key_ptr key{EVP_EC_gen("P-256")};
  if (!key)
    return openssl_error("make a key");
  const auto made = draft_certificate(key.get(), common_name, from_us, until_us);
  if (!made || X509_set_issuer_name(made.get(), X509_get_subject_name(made.get())) != 1
      || !add_authority_extensions(made.get())
      || X509_sign(made.get(), key.get(), EVP_sha256()) == 0)
    return openssl_error("make the authority's certificate");
  return to_pem(made.get(), key.get());
}

caf::expected<pem_identity> issue_certificate(const pem_identity& authority,
                                              const std::string& common_name, certificate_use use,
                                              std::int64_t from_us, std::int64_t until_us) {
  if (auto err = check_request(common_name, from_us, until_us))
    return err;
  if (const auto flaw = flaw_of(authority); !flaw.empty())
    return caf::make_error(ec::corrupt_state, "the authority is of no use: " + flaw);
  const auto issuer = parse_certificate(authority.certificate);
  const auto issuer_key = parse_key(authority.key);
  const key_ptr key{EVP_EC_gen("P-256")};
  if (!issuer || !issuer_key || !key)
    return openssl_error("make a key");
  const auto made = draft_certificate(key.get(), common_name, from_us, until_us);
  if (!made || X509_set_issuer_name(made.get(), X509_get_subject_name(issuer.get())) != 1
      || !add_leaf_extensions(made.get(), issuer.get(), use)
      || X509_sign(made.get(), issuer_key.get(), EVP_sha256()) == 0)
    return openssl_error("make a certificate");
  return to_pem(made.get(), key.get());
}

caf::expected<certificate_info> describe_certificate(const std::string& pem) {
  const auto certificate = parse_certificate(pem);
  if (!certificate)
    return caf::make_error(ec::corrupt_state, "it is no certificate in PEM");
  const auto from = microseconds_of(X509_get0_notBefore(certificate.get()));
  const auto until = microseconds_of(X509_get0_notAfter(certificate.get()));
  certificate_info result{common_name_of(certificate.get()), serial_of(certificate.get()), 0, 0};
  ERR_clear_error();
  if (!from || !until)
    return caf::make_error(ec::corrupt_state, "the certificate's times cannot be read");
  result.from_us = *from;
  result.until_us = *until;
  return result;
}

std::string flaw_of(const pem_identity& x) {
  const auto certificate = parse_certificate(x.certificate);
  if (!certificate)
    return "the certificate cannot be read";
  const auto key = parse_key(x.key);
  if (!key)
    return "the private key cannot be read";
  if (!belongs_to(certificate.get(), key.get()))
    return "the private key is of another certificate";
  return {};
}

bool is_issued_by(const std::string& certificate, const std::string& authority) {
  const auto leaf = parse_certificate(certificate);
  const auto issuer = parse_certificate(authority);
  if (!leaf || !issuer)
    return false;
  const bool result = X509_check_issued(issuer.get(), leaf.get()) == X509_V_OK
                      && X509_verify(leaf.get(), X509_get0_pubkey(issuer.get())) == 1;
  ERR_clear_error();
  return result;
}

} // namespace aeo::io
