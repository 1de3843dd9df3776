#include "actors/core/sha256.hpp"

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <new>

namespace aeo::core {

const evp_md_st* sha256_algorithm() {
  static const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> found{
      EVP_MD_fetch(nullptr, "SHA256", nullptr), &EVP_MD_free};
  if (!found)
    throw std::bad_alloc{}; // The only way in which that fails.
  return found.get();
}

struct sha256::context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  context() {
    if (!evp || EVP_DigestInit_ex(evp, sha256_algorithm(), nullptr) != 1)
      throw std::bad_alloc{}; // The only way in which these fail.
  }
  ~context() { EVP_MD_CTX_free(evp); }
  context(const context&) = delete;
  context& operator=(const context&) = delete;
};

sha256::sha256() : context_(std::make_unique<context>()) {}
sha256::~sha256() = default;
sha256::sha256(sha256&&) noexcept = default;
sha256& sha256::operator=(sha256&&) noexcept = default;

sha256& sha256::update(std::string_view bytes) {
  EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size());
  return *this;
}

sha256& sha256::field(std::string_view bytes) {
  std::array<char, 8> length{};
  auto n = static_cast<std::uint64_t>(bytes.size());
  for (auto& c : length) {
    c = static_cast<char>(n & 0xff);
    n >>= 8;
  }
  return update({length.data(), length.size()}).update(bytes);
}

std::string sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(context_->evp, raw.data(), &size);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * size);
  for (unsigned int i = 0; i < size; ++i) {
    text += digits[raw[i] >> 4];
    text += digits[raw[i] & 15];
  }
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  return sha256{}.update(bytes).hex();
}

} // namespace aeo::core
