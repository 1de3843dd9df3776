#pragma once

// Certificates and keys from PEM text, as OpenSSL holds them.

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace aeo::io {

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* x) const {
    Free(x);
  }
};
using bio_ptr = std::unique_ptr<BIO, freed_by<&BIO_free>>;
using bignum_ptr = std::unique_ptr<BIGNUM, freed_by<&BN_free>>;
using certificate_ptr = std::unique_ptr<X509, freed_by<&X509_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, freed_by<&X509_EXTENSION_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<&EVP_PKEY_free>>;

/// Null: it is none. Nothing is left in OpenSSL's queue of errors.
certificate_ptr parse_certificate(const std::string& pem);
/// Upper-case hex, without leading zeros.
std::string serial_of(const X509* certificate);
/// The same as of certificates; a key with a password is none.
key_ptr parse_key(const std::string& pem);

} // namespace aeo::io
