#include "actors/io/tls_identity.hpp"
#include "messages/type_ids.hpp"
#include "tests/fixtures/temp_dir.hpp"

#include <catch2/catch_test_macros.hpp>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <thread>
#include <vector>

using namespace aeo;
using namespace aeo::test;
using io::certificate_use;
using io::pem_identity;

namespace {

constexpr std::int64_t tls_second = 1'000'000;
constexpr std::int64_t tls_day = 86'400 * tls_second;
constexpr std::int64_t tls_now = 1'767'225'600 * tls_second; // 2026-01-01

using x509 = std::unique_ptr<X509, decltype(&X509_free)>;

x509 certificate_in(const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> in{
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free};
  return {PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr), &X509_free};
}

/// What OpenSSL says to the chain, as a peer of that purpose would at that time.
int verify(const pem_identity& leaf, const pem_identity& authority, int purpose,
           std::int64_t at_us) {
  const auto certificate = certificate_in(leaf.certificate);
  const auto root = certificate_in(authority.certificate);
  REQUIRE(certificate);
  REQUIRE(root);
  const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store{X509_STORE_new(),
                                                                      &X509_STORE_free};
  const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context{
      X509_STORE_CTX_new(), &X509_STORE_CTX_free};
  REQUIRE(X509_STORE_add_cert(store.get(), root.get()) == 1);
  REQUIRE(X509_STORE_CTX_init(context.get(), store.get(), certificate.get(), nullptr) == 1);
  auto* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_purpose(parameters, purpose);
  X509_VERIFY_PARAM_set_time(parameters, at_us / tls_second);
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
  X509_verify_cert(context.get());
  ERR_clear_error();
  return X509_STORE_CTX_get_error(context.get());
}

pem_identity test_authority() {
  auto result = io::make_authority("test authority", tls_now, tls_now + 100 * tls_day);
  REQUIRE(result);
  return std::move(*result);
}

pem_identity test_leaf(const pem_identity& authority, certificate_use use,
                       const std::string& name = "alice") {
  auto result = io::issue_certificate(authority, name, use, tls_now, tls_now + 10 * tls_day);
  REQUIRE(result);
  return std::move(*result);
}

io::certificate_info info_of(const pem_identity& x) {
  auto result = io::describe_certificate(x.certificate);
  REQUIRE(result);
  return std::move(*result);
}

class tls_workspace {
public:
  io::node_identity open(std::int64_t now_us = tls_now) {
    notes.clear();
    auto result = io::open_node_identity(dir.path(), now_us, notes);
    INFO((result ? std::string{} : message_of(result.error())));
    REQUIRE(result);
    return std::move(*result);
  }
  caf::error refusal(std::int64_t now_us = tls_now) {
    auto result = io::open_node_identity(dir.path(), now_us, notes);
    REQUIRE_FALSE(result);
    return result.error();
  }
  std::filesystem::path file(const std::string& name) const {
    return dir.path() / "consolidation/.aeo/tls" / name;
  }

  temp_dir dir;
  std::string notes;
};

const std::vector<std::string> tls_files = {"ca.pem", "ca.key", "node.pem", "node.key"};

} // namespace

TEST_CASE("a certificate verifies by its authority, for its use only") {
  const auto authority = test_authority();
  const auto server = test_leaf(authority, certificate_use::server);
  const auto client = test_leaf(authority, certificate_use::client);
  CHECK(verify(server, authority, X509_PURPOSE_SSL_SERVER, tls_now) == X509_V_OK);
  CHECK(verify(client, authority, X509_PURPOSE_SSL_CLIENT, tls_now) == X509_V_OK);
  CHECK(verify(client, authority, X509_PURPOSE_SSL_SERVER, tls_now) == X509_V_ERR_INVALID_PURPOSE);
  CHECK(verify(server, authority, X509_PURPOSE_SSL_CLIENT, tls_now) == X509_V_ERR_INVALID_PURPOSE);
}

TEST_CASE("a certificate does not verify by another authority of the same name") {
  const auto authority = test_authority();
  const auto other = test_authority();
  const auto leaf = test_leaf(authority, certificate_use::client);
  CHECK(verify(leaf, other, X509_PURPOSE_SSL_CLIENT, tls_now) != X509_V_OK);
  CHECK(io::is_issued_by(leaf.certificate, authority.certificate));
  CHECK_FALSE(io::is_issued_by(leaf.certificate, other.certificate));
  CHECK_FALSE(io::is_issued_by(leaf.certificate, "rubbish"));
}

TEST_CASE("a certificate cannot sign others, nor can its holder's authority go deeper") {
  const auto authority = test_authority();
  const auto leaf = test_leaf(authority, certificate_use::client);
  const auto below = test_leaf(leaf, certificate_use::client, "mallory");
  CHECK(verify(below, leaf, X509_PURPOSE_SSL_CLIENT, tls_now) != X509_V_OK);
  CHECK_FALSE(io::is_issued_by(below.certificate, leaf.certificate));
  const auto root = certificate_in(authority.certificate);
  CHECK(X509_check_ca(root.get()) == 1);
  CHECK(X509_get_pathlen(root.get()) == 0);
  CHECK(X509_get_key_usage(root.get()) == (KU_KEY_CERT_SIGN | KU_CRL_SIGN));
}

TEST_CASE("a certificate is good from five minutes before its time until its end") {
  const auto authority = test_authority();
  const auto leaf = test_leaf(authority, certificate_use::client);
  const auto at = [&](std::int64_t us) {
    return verify(leaf, authority, X509_PURPOSE_SSL_CLIENT, us);
  };
  CHECK(at(tls_now - 301 * tls_second) == X509_V_ERR_CERT_NOT_YET_VALID);
  CHECK(at(tls_now - 299 * tls_second) == X509_V_OK);
  CHECK(at(tls_now + 10 * tls_day - tls_second) == X509_V_OK);
  CHECK(at(tls_now + 10 * tls_day + tls_second) == X509_V_ERR_CERT_HAS_EXPIRED);
}

TEST_CASE("a certificate tells its name, serial and times, also when it has expired") {
  const auto authority = test_authority();
  const std::string name = "b\xc3\xb6rk@host";
  const auto long_ago = io::issue_certificate(authority, name, certificate_use::client,
                                              1000 * tls_second, 2000 * tls_second);
  REQUIRE(long_ago);
  const auto info = info_of(*long_ago);
  CHECK(info.common_name == name);
  CHECK(info.from_us == 700 * tls_second);
  CHECK(info.until_us == 2000 * tls_second);
  CHECK(verify(*long_ago, authority, X509_PURPOSE_SSL_CLIENT, tls_now)
        == X509_V_ERR_CERT_HAS_EXPIRED);
}

TEST_CASE("serials are random hex without leading zeros") {
  const auto authority = test_authority();
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    const auto serial = info_of(test_leaf(authority, certificate_use::client)).serial;
    CHECK(serial.size() == 32);
    CHECK(serial.find_first_not_of("0123456789ABCDEF") == serial.npos);
    CHECK(serial.front() != '0');
    seen.insert(serial);
  }
  CHECK(seen.size() == 50);
}

TEST_CASE("what cannot be certified is an error and not a certificate") {
  const auto authority = test_authority();
  const auto leaf = test_leaf(authority, certificate_use::client);
  const auto refused = [&](const pem_identity& by, const std::string& name, std::int64_t until) {
    const auto result = io::issue_certificate(by, name, certificate_use::client, tls_now, until);
    REQUIRE_FALSE(result);
    CHECK(ERR_peek_error() == 0);
    return result.error();
  };
  CHECK(refused(authority, "", tls_now + 1) == ec::bad_configuration);
  CHECK(refused(authority, std::string(65, 'x'), tls_now + 1) == ec::bad_configuration);
  CHECK(refused(authority, "alice", tls_now) == ec::bad_configuration);
  CHECK(refused(authority, "\xff\xfe", tls_now + tls_day) == ec::internal);
  CHECK(refused(authority, "alice", INT64_MAX) == ec::bad_configuration);
  CHECK(refused({}, "alice", tls_now + tls_day) == ec::corrupt_state);
  CHECK(refused({authority.certificate, leaf.key}, "alice", tls_now + tls_day)
        == ec::corrupt_state);
  CHECK_FALSE(io::make_authority("", tls_now, tls_now + 1));
}

TEST_CASE("rubbish and an encrypted key are told without asking anybody for a password") {
  const auto authority = test_authority();
  for (const std::string text : {"", "rubbish", "-----BEGIN CERTIFICATE-----\nAAAA\n"}) {
    CHECK(io::describe_certificate(text).error() == ec::corrupt_state);
    CHECK(io::flaw_of({text, authority.key}) == "the certificate cannot be read");
    CHECK(io::flaw_of({authority.certificate, text}) == "the private key cannot be read");
    CHECK(ERR_peek_error() == 0);
  }
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{EVP_EC_gen("P-256"),
                                                                &EVP_PKEY_free};
  const std::unique_ptr<BIO, decltype(&BIO_free)> out{BIO_new(BIO_s_mem()), &BIO_free};
  REQUIRE(PEM_write_bio_PrivateKey(out.get(), key.get(), EVP_aes_128_cbc(),
                                   reinterpret_cast<const unsigned char*>("secret"), 6, nullptr,
                                   nullptr)
          == 1);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &data);
  const std::string encrypted(data, static_cast<std::size_t>(size));
  CHECK(io::flaw_of({authority.certificate, encrypted}) == "the private key cannot be read");
  CHECK(io::flaw_of(authority).empty());
}

TEST_CASE("a node's identity is made once, private, and found again") {
  tls_workspace w;
  const auto made = w.open();
  CHECK(w.notes.empty());
  CHECK(verify(made.node, made.authority, X509_PURPOSE_SSL_SERVER, tls_now) == X509_V_OK);
  CHECK(info_of(made.authority).until_us == tls_now + 3650 * tls_day);
  CHECK(info_of(made.node).until_us == tls_now + 365 * tls_day);
  struct stat info {};
  for (const auto& name : tls_files) {
    REQUIRE(stat(w.file(name).c_str(), &info) == 0);
    CHECK((info.st_mode & 07777) == 0600);
  }
  REQUIRE(stat(w.file("").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0700);
  const auto again = w.open(tls_now + tls_day);
  CHECK(again.authority.key == made.authority.key);
  CHECK(again.authority.certificate == made.authority.certificate);
  CHECK(again.node.certificate == made.node.certificate);
  CHECK(again.node.key == made.node.key);
}

TEST_CASE("the node's certificate is made anew in the last third of its life, silently") {
  tls_workspace w;
  const auto made = w.open();
  const auto life = 365 * tls_day;
  CHECK(w.open(tls_now + life * 2 / 3 - tls_day).node.certificate == made.node.certificate);
  const auto later = tls_now + life * 2 / 3 + tls_day;
  const auto renewed = w.open(later);
  CHECK(w.notes.empty());
  CHECK(renewed.authority.certificate == made.authority.certificate);
  CHECK(renewed.node.certificate != made.node.certificate);
  CHECK(renewed.node.key != made.node.key);
  CHECK(info_of(renewed.node).until_us == later + life);
  CHECK(w.open(later).node.certificate == renewed.node.certificate);
}

TEST_CASE("the authority is made anew in the last third of its life, with a note") {
  tls_workspace w;
  const auto made = w.open();
  const auto life = 3650 * tls_day;
  CHECK(w.open(tls_now + life * 2 / 3 - tls_day).authority.certificate
        == made.authority.certificate);
  CHECK(w.notes.empty());
  const auto later = tls_now + life * 2 / 3 + tls_day;
  const auto renewed = w.open(later);
  CHECK(renewed.authority.certificate != made.authority.certificate);
  CHECK(renewed.authority.key != made.authority.key);
  CHECK(w.notes.find("all credentials are invalid") != std::string::npos);
  CHECK(std::count(w.notes.begin(), w.notes.end(), '\n') == 1);
  CHECK(verify(renewed.node, renewed.authority, X509_PURPOSE_SSL_SERVER, later) == X509_V_OK);
  w.open(later);
  CHECK(w.notes.empty());
}

TEST_CASE("a node's certificate of an earlier authority is made anew") {
  tls_workspace w;
  const auto made = w.open();
  const auto other = test_authority();
  write_bytes(w.file("ca.pem"), other.certificate);
  write_bytes(w.file("ca.key"), other.key);
  const auto opened = w.open();
  CHECK(opened.authority.certificate == other.certificate);
  CHECK(opened.node.certificate != made.node.certificate);
  CHECK(io::is_issued_by(opened.node.certificate, other.certificate));
}

TEST_CASE("a crash while a pair is made leaves a key without a certificate, and both are made") {
  tls_workspace w;
  const auto made = w.open();
  std::filesystem::remove(w.file("node.pem"));
  CHECK(w.open().node.certificate != made.node.certificate);
  CHECK(w.notes.empty());
  std::filesystem::remove(w.file("node.key"));
  CHECK(w.open().node.key != made.node.key);
  std::filesystem::remove(w.file("ca.pem"));
  CHECK(w.open().authority.key != made.authority.key);
  CHECK(w.notes.find("was missing") != std::string::npos);
}

TEST_CASE("a damaged file is named, with what to do, and nothing is changed") {
  for (const auto& name : tls_files) {
    tls_workspace w;
    w.open();
    for (const std::string text : {"", "rubbish"}) {
      write_bytes(w.file(name), text);
      std::vector<std::string> before;
      before.reserve(tls_files.size());
      for (const auto& each : tls_files)
        before.push_back(read_bytes(w.file(each)));
      const auto err = w.refusal();
      CHECK(err == ec::corrupt_state);
      CHECK(message_of(err).find(w.file(name).string() + ':') != std::string::npos);
      CHECK(message_of(err).find("remove " + name.substr(0, name.find('.'))) != std::string::npos);
      for (std::size_t i = 0; i < tls_files.size(); ++i)
        CHECK(read_bytes(w.file(tls_files[i])) == before[i]);
    }
  }
}

TEST_CASE("a key of another certificate, and an authority without its key, are damage") {
  tls_workspace w;
  const auto made = w.open();
  write_bytes(w.file("ca.key"), made.node.key);
  auto err = w.refusal();
  CHECK(err == ec::corrupt_state);
  CHECK(message_of(err).find("ca.key: the private key is of another certificate")
        != std::string::npos);
  CHECK(message_of(err).find("PRIVATE KEY") == std::string::npos);
  write_bytes(w.file("ca.pem"), made.node.certificate);
  CHECK(message_of(w.refusal()).find("no authority's certificate") != std::string::npos);
  write_bytes(w.file("ca.pem"), made.authority.certificate);
  std::filesystem::remove(w.file("ca.key"));
  err = w.refusal();
  CHECK(err == ec::corrupt_state);
  CHECK(message_of(err).find("ca.key: it is missing") != std::string::npos);
  CHECK(read_bytes(w.file("ca.pem")) == made.authority.certificate);
}

TEST_CASE("key material that others may read is refused with the command that mends it") {
  tls_workspace w;
  const auto made = w.open();
  for (const auto& name : tls_files)
    for (const mode_t mode : {0640, 0604, 0620, 0666}) {
      REQUIRE(chmod(w.file(name).c_str(), mode) == 0);
      const auto err = w.refusal();
      CHECK(err == ec::bad_configuration);
      CHECK(message_of(err).find("chmod 600 " + w.file(name).string()) != std::string::npos);
      REQUIRE(chmod(w.file(name).c_str(), 0600) == 0);
    }
  CHECK(w.open().node.certificate == made.node.certificate);
  REQUIRE(chmod(w.file("").c_str(), 0755) == 0);
  w.open();
  struct stat info {};
  REQUIRE(stat(w.file("").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
}

TEST_CASE("a pipe, a folder or a link in a key's place holds nobody up") {
  tls_workspace w;
  w.open();
  std::filesystem::remove(w.file("ca.key"));
  REQUIRE(mkfifo(w.file("ca.key").c_str(), 0600) == 0);
  CHECK(w.refusal() == ec::storage_failed);
  std::filesystem::remove(w.file("ca.key"));
  std::filesystem::create_directory(w.file("ca.key"));
  CHECK(w.refusal() == ec::storage_failed);
  tls_workspace other;
  std::filesystem::create_directories(other.dir / "consolidation/.aeo");
  std::filesystem::create_directory_symlink(w.dir.path(), other.dir / "consolidation/.aeo/tls");
  CHECK(other.refusal() == ec::storage_failed);
  CHECK(io::open_node_identity(other.dir / "nowhere", tls_now, other.notes).error()
        == ec::storage_failed);
}

TEST_CASE("who opens a new workspace at the same time gets the same identity") {
  tls_workspace w;
  std::vector<std::string> found(4);
  std::vector<std::thread> threads;
  threads.reserve(found.size());
  for (auto& each : found)
    threads.emplace_back([&w, &each] {
      std::string notes;
      if (auto x = io::open_node_identity(w.dir.path(), tls_now, notes))
        each = x->authority.certificate + x->node.certificate;
    });
  for (auto& each : threads)
    each.join();
  CHECK_FALSE(found[0].empty());
  CHECK(found == std::vector<std::string>(4, found[0]));
}
