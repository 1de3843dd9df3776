#include "tests/tools/consolidate/temporary_workspace.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/secrets.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <random>

using namespace aeo::consolidate;

namespace {

const secret_scanner& shipped() {
  static const secret_scanner scanner(load_security_rules(AEO_SOURCE_DIR "/config").secrets,
                                      "a key for tests");
  return scanner;
}

/// Put together here, so that this file holds none.
std::string access_key() {
  return std::string("AK") + "IAQ3EGT7BMZP4WKV2X";
}

std::string rules_found(const std::string& path, const std::string& text) {
  std::string result;
  for (const auto& hit : shipped().search(path, text))
    result += (result.empty() ? "" : " ") + shipped().rule(hit.rule).id + ":"
              + std::to_string(hit.line) + (hit.encoding == "plain" ? "" : ":" + hit.encoding);
  return result;
}

std::string base64(const std::string& text) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j)
      bits = bits << 8 | (i + j < text.size() ? static_cast<unsigned char>(text[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j)
      out += i + j > text.size() ? '=' : digits[bits >> (18 - 6 * j) & 63];
  }
  return out;
}

std::string random_letters(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  for (std::size_t i = 0; i < count; ++i)
    text += static_cast<char>(i % 80 == 79 ? '\n' : 'a' + random() % 26);
  return text;
}

} // namespace

TEST_CASE("secrets of known forms are found with their lines") {
  CHECK(rules_found("a.txt", "x\nkey " + access_key() + "\n") == "aws-access-key-id:2");
  CHECK(rules_found("a.py",
                    "T = \"gh" + std::string("p_") + "9fKx2LmQ7vRt4WzYb8NcJd5HsAe3UgPi6TqX\"\n")
        == "github-token:1");
  CHECK(rules_found("a.js", "const dbPassword = \"mK9" + std::string("$vT2!qLz\";\n"))
        == "assigned-password:1");
  CHECK(rules_found("prod.env", "API_TOKEN=f9Kx2LmQ7vRt4WzYb8" + std::string("NcJd5Hs\n"))
        == "configured-secret:1");
  CHECK(rules_found("a.py", "u = 'postgres://app:w9Kz" + std::string("3vQm@db.internal/x'\n"))
        == "url-credentials:1");
  const std::string begin = "-----BEGIN RSA PRIVATE";
  CHECK(rules_found("a.pem", begin + " KEY-----\n" + base64(random_letters(60, 1)) + "\n")
        == "private-key:1");
}

TEST_CASE("placeholders, names and hashes are no secrets") {
  for (const std::string text :
       {"password = \"changeme\"", "API_KEY=your-api-key-here-1", "token = \"${API_TOKEN_1}\"",
        "secret: \"<the secret 1>\"", "password = os.environ[\"DB_PASSWORD_1\"]",
        "aws_key = 'AKIAIOSFODNN7EXAMPLE'", "url = 'http://user:password@host/'",
        "\"integrity\": \"sha512-f9Kx2LmQ7vRt4WzYb8NcJd5HsAe3UgPi6TqX==\"",
        "passwordField = \"login_password2\"", "token_url = \"https://example.org/oauth2/token1\"",
        "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END", "secret = xxxxxxxxxxxxxxxxxxxxx1"}) {
    INFO(text);
    CHECK(rules_found("a.py", text + "\n").empty());
  }
}

TEST_CASE("random secrets are found whatever shape chance gives them") {
  struct kind {
    std::string before;
    std::string alphabet;
    std::size_t length;
    std::string after;
    std::string path;
  };
  const std::string alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const std::vector<kind> kinds{
      {"API_TOKEN = \"", alnum, 32, "\"", "a.py"},
      {"DB_PASSWORD=", alnum, 16, "", ".env"},
      {"aws_secret_access_key = ", alnum + "/+", 40, "", "credentials"},
      {"{\"checksum\": \"ab\", \"t\": \"gh"
       "p_",
       alnum, 36, "\"}", "release.json"},
      {"SECRET_KEY = '", "abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)", 50, "'",
       "settings.py"},
  };
  std::mt19937 random(7);
  for (const auto& item : kinds) {
    constexpr int rounds = 500;
    int found = 0;
    for (int i = 0; i < rounds; ++i) {
      std::string value;
      for (std::size_t k = 0; k < item.length; ++k)
        value += item.alphabet[random() % item.alphabet.size()];
      found += shipped().search(item.path, item.before + value + item.after + "\n").empty() ? 0 : 1;
    }
    // Chance may leave out all digits, or end like a call.
    INFO(item.before << ": " << found << " of " << rounds);
    CHECK(found >= rounds * 9 / 10);
  }
}

TEST_CASE("rules of a workspace's own need no list of what generic rules pass over") {
  test::temporary_workspace ws;
  std::ifstream shipped_file{AEO_SOURCE_DIR "/config/security_rules.json"};
  auto rules = nlohmann::json::parse(shipped_file);
  rules["secrets"].erase("generic");
  ws.write("config/security_rules.json", rules.dump());
  const auto read = load_security_rules(ws.root + "/config");
  CHECK(read.secrets.generic.values.empty());
  CHECK_FALSE(read.secrets.any.values.empty());
}

TEST_CASE("names in code are no secrets") {
  CHECK(rules_found("a.ts", "const accessToken = \"sessionStorageAccessTokenName2\";\n").empty());
  CHECK(rules_found("a.py", "token = \"get_current_token_of_user(request)\"\n").empty());
  CHECK(rules_found("a.java", "String secretKey = \"sha256DigestOfTokenValue\";\n").empty());
  CHECK(rules_found("lock.json", "\"checksum\": \"secret=\", \"token\": \"b7e1f0a9c5d24e68a1b3\"\n")
            .empty());
}

TEST_CASE("secrets in base64 are found, wrapped, joined to text and twice encoded too") {
  const auto key = "aws_access_key_id = " + access_key() + "\n";
  CHECK(rules_found("a.txt", "x\ndata: " + base64(access_key()) + "\n")
        == "aws-access-key-id:2:base64");
  CHECK(rules_found("a.txt", "data:text/plain;base64," + base64(key) + "\n")
        == "aws-access-key-id:1:base64");
  CHECK(rules_found("a.txt", base64(base64(key)) + "\n") == "aws-access-key-id:1:base64");
  CHECK(rules_found("a.txt", "prefix/" + base64(key)) == "aws-access-key-id:1:base64");
  auto wrapped = base64(random_letters(200, 2) + " " + access_key() + " " + random_letters(99, 3));
  for (std::size_t at = 64; at < wrapped.size(); at += 65)
    wrapped.insert(at, "\n");
  CHECK(rules_found("a.b64", wrapped).starts_with("aws-access-key-id:"));
}

TEST_CASE("secrets in binary and UTF-16 files are found") {
  std::string binary("\x7F"
                     "ELF\0\0\1\2",
                     8);
  binary += std::string(500, '\0') + access_key() + std::string(3, '\0');
  const auto hits = shipped().search("a.bin", binary);
  REQUIRE(hits.size() == 1);
  CHECK(hits[0].offset == 508);
  std::string wide = "\xFF\xFE";
  for (const char c : "key: " + access_key() + "\r\n")
    wide += std::string(1, c) + '\0';
  CHECK(rules_found("a.txt", wide) == "aws-access-key-id:1:utf-16");
}

TEST_CASE("a stream in pieces of any size finds what a search of the whole finds") {
  std::string text = random_letters(9U << 20, 4);
  for (const std::size_t at :
       {std::size_t{1000}, (4U << 20) - std::size_t{10}, (4U << 20) - std::size_t{65536 + 10},
        (8U << 20) - std::size_t{7}, text.size() - 200})
    text.replace(at, 22, " " + access_key() + "\n");
  const auto whole = shipped().search("a.txt", text);
  CHECK(whole.size() == 5);
  for (const std::size_t piece : {std::size_t{1} << 20, std::size_t{777777}}) {
    secret_stream stream(shipped(), "a.txt");
    for (std::size_t i = 0; i < text.size(); i += piece)
      stream.add(std::string_view(text).substr(i, piece));
    const auto hits = stream.finish();
    REQUIRE(hits.size() == whole.size());
    for (std::size_t i = 0; i < hits.size(); ++i) {
      CHECK(hits[i].offset == whole[i].offset);
      CHECK(hits[i].line == whole[i].line);
    }
  }
}

TEST_CASE("a fingerprint is the same for the same secret and another with another key") {
  const auto text = access_key() + "\n";
  const auto policy = load_security_rules(AEO_SOURCE_DIR "/config").secrets;
  const secret_scanner other(policy, "another key");
  const auto one = shipped().search("a", text).at(0).fingerprint;
  CHECK(one == shipped().search("b", "x " + text).at(0).fingerprint);
  CHECK(one != other.search("a", text).at(0).fingerprint);
  CHECK(one.size() == 12);
  CHECK_THROWS_AS(secret_scanner(policy, ""), failure);
}

TEST_CASE("any bytes are searched without a fault") {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    std::string bytes(random() % 3000, '\0');
    std::generate(bytes.begin(), bytes.end(), [&] {
      constexpr std::string_view likely = "AKIA=:\"'\n\r-BEGINpassword64+/\0x";
      return random() % 3 == 0 ? static_cast<char>(random()) : likely[random() % likely.size()];
    });
    for (const auto& hit : shipped().search("a.env", bytes))
      CHECK(hit.offset < bytes.size());
  }
}
