#include "actors/io/event_chain.hpp"

#include "actors/core/sha256.hpp"

#include <openssl/evp.h>

#include <initializer_list>
#include <new>
#include <string_view>

namespace aeo::io {

namespace {

template <class T>
void put(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i)
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xff);
}

void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

} // namespace

struct chain_hasher::algorithm {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  algorithm() {
    if (!context)
      throw std::bad_alloc{};
  }
  ~algorithm() { EVP_MD_CTX_free(context); }
  algorithm(const algorithm&) = delete;
  algorithm& operator=(const algorithm&) = delete;
};

std::string to_hex(const row_hash& hash) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  result.reserve(2 * hash.size());
  for (auto byte : hash) {
    result += digits[byte >> 4];
    result += digits[byte & 15];
  }
  return result;
}

chain_hasher::chain_hasher() : algorithm_(std::make_unique<algorithm>()) {}

chain_hasher::~chain_hasher() = default;

row_hash chain_hasher::digest() {
  row_hash result{};
  auto* context = algorithm_->context;
  if (EVP_DigestInit_ex(context, core::sha256_algorithm(), nullptr) != 1
      || EVP_DigestUpdate(context, bytes_.data(), bytes_.size()) != 1
      || EVP_DigestFinal_ex(context, result.data(), nullptr) != 1)
    throw std::bad_alloc{}; // The only way in which these fail.
  return result;
}

row_hash chain_hasher::operator()(const event& e, const std::string& execution,
                                  const row_hash& before) {
  bytes_.clear();
  put(bytes_, e.seq);
  put(bytes_, e.time_us);
  put(bytes_, static_cast<std::uint32_t>(e.kind));
  put(bytes_, e.attempt);
  for (const auto* text : {&execution, &e.phase, &e.task, &e.data})
    put_text(bytes_, *text);
  bytes_.append(before.begin(), before.end());
  return digest();
}

row_hash chain_hasher::of_texts(std::initializer_list<std::string_view> texts) {
  bytes_.clear();
  for (auto text : texts)
    put_text(bytes_, text);
  return digest();
}

} // namespace aeo::io
