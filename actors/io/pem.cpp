#include "actors/io/pem.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace aeo::io {

namespace {

constexpr std::size_t max_pem = 1024 * 1024;

// Without it OpenSSL asks the terminal for the password of what is encrypted.
int no_password(char*, int, int, void*) {
  return -1;
}

bio_ptr pem_reader(const std::string& pem) {
  if (pem.size() > max_pem)
    return nullptr;
  return bio_ptr{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
}

} // namespace

certificate_ptr parse_certificate(const std::string& pem) {
  certificate_ptr result;
  if (const auto in = pem_reader(pem))
    result.reset(PEM_read_bio_X509(in.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  return result;
}

key_ptr parse_key(const std::string& pem) {
  key_ptr result;
  if (const auto in = pem_reader(pem))
    result.reset(PEM_read_bio_PrivateKey(in.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  return result;
}

std::string serial_of(const X509* certificate) {
  const bignum_ptr number{ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr)};
  char* digits = number ? BN_bn2hex(number.get()) : nullptr;
  std::string result = digits ? digits : "";
  OPENSSL_free(digits);
  result.erase(0, std::min(result.find_first_not_of('0'), result.size()));
  return result;
}

} // namespace aeo::io
