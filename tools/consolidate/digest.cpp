#include "tools/consolidate/digest.hpp"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

namespace aeo::consolidate {

void digest::deleter::operator()(void* context) const {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context));
}

digest::digest(std::string_view algorithm) : context_(EVP_MD_CTX_new()) {
  // Fetched once: OpenSSL 3 looks an algorithm up at every EVP_sha1().
  static const EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  const auto* type = algorithm == "sha256" ? sha256 : sha1;
  if (type == nullptr
      || EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_.get()), type, nullptr) != 1)
    throw std::runtime_error("OpenSSL offers no " + std::string(algorithm));
}

void digest::add(std::string_view bytes) {
  EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_.get()), bytes.data(), bytes.size());
}

std::string digest::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned int length = 0;
  EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_.get()), raw.data(), &length);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < length; ++i) {
    text += digits[raw[i] >> 4];
    text += digits[raw[i] & 15];
  }
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  digest hash("sha256");
  hash.add(bytes);
  return hash.hex();
}

std::string blob_id(std::string_view algorithm, std::string_view content) {
  digest hash(algorithm);
  hash.add("blob " + std::to_string(content.size()) + std::string(1, '\0'));
  hash.add(content);
  return hash.hex();
}

} // namespace aeo::consolidate
