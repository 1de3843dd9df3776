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
  const std::string digits = "0123456789";
  const std::string lower = "abcdefghijklmnopqrstuvwxyz";
  const std::string alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + lower + digits;
  const std::string hex = digits + "abcdef";
  const std::string typed = alnum + "!#%*-_+.?";
  // Cut in two, so that no search of this file takes a form for a secret.
  const std::vector<kind> kinds{
      {"API_TOKEN = \"", alnum, 32, "\"", "a.py"},
      {"DB_PASSWORD=", alnum, 16, "", ".env"},
      {"aws_secret_access_key = ", alnum + "/+", 40, "", "credentials"},
      {"{\"checksum\": \"ab\", \"t\": \"gh"
       "p_",
       alnum, 36, "\"}", "release.json"},
      {"SECRET_KEY = '", lower + digits + "!@#$%^&*(-_=+)", 50, "'", "settings.py"},
      {"api_key: \"", hex, 32, "\"", "a.js"},
      {"SIGNING_KEY=", hex, 64, "", ".env"},
      {"export WEBHOOK_TOKEN=", hex, 40, "", "deploy.sh"},
      {"STRIPE_KEY=", alnum, 28, "", ".env.production"},
      {"APP_KEY=base64:", alnum + "/+", 43, "=", ".env"},
      {"Server=db;User Id=app;Password=", typed, 12, ";Encrypt=true", "appsettings.json"},
      {"jdbc:postgresql://db/shop?user=app&password=", alnum, 12, "\"", "a.java"},
      {"dsn := \"app:", alnum, 12, "@tcp(db:3306)/shop\"", "main.go"},
      {"conn = \"host=db dbname=shop user=app password=", alnum, 12, "\"", "a.rb"},
      {"define('DB_PASSWORD', '", typed, 16, "');", "wp-config.php"},
      {"setenv(\"API_TOKEN\", \"", alnum, 24, "\", 1);", "a.c"},
      {"<dbPassword>", alnum, 12, "</dbPassword>", "settings.xml"},
      {"<add key=\"SmtpPassword\" value=\"", alnum, 12, "\" />", "web.config"},
      {"db:5432:shop:app:", alnum, 10, "", ".pgpass"},
      {"  password ", alnum, 10, "", ".netrc"},
      {"password = ", alnum, 12, "", ".my.cnf"},
      {"\"auth\": \"", alnum + "/+", 40, "\"", ".docker/config.json"},
      {"//npm.example.com/:_authToken=", alnum + "-", 36, "", ".npmrc"},
      {"https://x.blob.core.windows.net/c?sv=2024-01-01&sig=", alnum, 43, "%3D", "a.txt"},
      {"Client('AC" + std::string(32, '7') + "', '", hex, 32, "')", "a.py"},
      {"    \"TOKEN = \\\"", alnum, 32, "\\\"\\n\",", "a.ipynb"},
      {"redis://:", alnum, 16, "@cache:6379/0", "a.yml"},
      {"curl -u admin:", alnum, 12, " https://api.example.com", "a.sh"},
      {"mysqldump -u root -p", alnum, 12, " shop", "backup.sh"},
      {"PGPASSWORD=", alnum, 12, " psql -h db", "a.sh"},
      {"mysqladmin ping -uroot -p", alnum, 12, "", "a.sh"},
      {"\"start\": \"DB_PASSWORD=", alnum, 14, " node app.js\"", "package.json"},
      {"postgres://db_name:", alnum, 14, "@db.internal/x", "a.py"},
      {"command: server --api-key=", alnum, 24, " --port 1", "compose.yml"},
      {"clientSecret: '", alnum + "~_.-", 40, "'", "azure.ts"},
      {"key = \"lin_ap"
       "i_",
       alnum, 40, "\"", "a.ts"},
      {"x gls"
       "a_",
       alnum, 32, "_" + std::string("1f2e3d4c"), "a.txt"},
      {"x gs"
       "k_",
       alnum, 52, "", "a.txt"},
      {"x dckr_pa"
       "t_",
       alnum + "-_", 27, "", "a.txt"},
      {"x ATAT"
       "T3xFfGF0",
       alnum + "-_=", 180, "", "a.txt"},
      {"x figd"
       "_",
       alnum + "-_", 40, "", "a.txt"},
      {"x key"
       "-",
       hex, 32, " mailgun", "a.txt"},
      {"x ntn"
       "_",
       alnum, 46, "", "a.txt"},
      {"x rubygems"
       "_",
       hex, 48, "", "a.txt"},
      {"x sntry"
       "s_",
       alnum, 100, "", "a.txt"},
      {"x pul"
       "-",
       hex, 40, "", "a.txt"},
      {"x NRA"
       "K-",
       "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + digits, 27, "", "a.txt"},
      {"x PMA"
       "K-",
       hex, 24, "-" + std::string(34, 'a'), "a.txt"},
      {"x r8"
       "_",
       alnum, 37, "", "a.txt"},
      {"x xai"
       "-",
       alnum, 80, "", "a.txt"},
      {"x pscale_tkn"
       "_",
       alnum + "-_", 43, "", "a.txt"},
      {"x sbp"
       "_",
       hex, 40, "", "a.txt"},
      {"x dp.pt"
       ".",
       alnum, 43, "", "a.txt"},
      {"x hvb"
       ".",
       alnum, 90, "", "a.txt"},
      {"x sq0csp"
       "-",
       alnum + "-_", 43, "", "a.txt"},
      {"session_token = IQo"
       "J",
       alnum + "/+", 300, "", "credentials"},
  };
  std::mt19937 random(7);
  for (const auto& item : kinds) {
    constexpr int rounds = 200;
    int found = 0;
    for (int i = 0; i < rounds; ++i) {
      std::string value;
      for (std::size_t k = 0; k < item.length; ++k)
        value += item.alphabet[random() % item.alphabet.size()];
      found += shipped().search(item.path, item.before + value + item.after + "\n").empty() ? 0 : 1;
    }
    // Chance may leave out all digits, more so of a few: that is taken for a word.
    INFO(item.before << ": " << found << " of " << rounds);
    CHECK(found >= rounds * (item.length <= 16 ? 7 : 9) / 10);
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
  for (auto at = wrapped.find('\n'); at != std::string::npos; at = wrapped.find('\n', at + 1))
    wrapped.insert(at + 1, "      ");
  CHECK(rules_found("a.yml", "data:\n  key: |\n      " + wrapped + "\n")
        == "aws-access-key-id:3:base64");
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
  CHECK(shipped().search("a.txt", wide)[0].offset == 2 + 2 * 5);
  CHECK(rules_found("a.txt", wide.substr(2)) == "aws-access-key-id:1:utf-16");
  std::string big_endian;
  for (const char c : "x\nkey: " + access_key())
    big_endian += std::string(1, '\0') + c;
  CHECK(rules_found("a.txt", big_endian) == "aws-access-key-id:2:utf-16");
}

TEST_CASE("private keys and key stores in DER are found") {
  const auto file = [](const std::string& name) {
    test::temporary_workspace ws;
    const auto run = [&](const std::string& line) {
      const auto made = ::system(("cd " + ws.root + " && (" + line + ") >/dev/null 2>&1").c_str());
      REQUIRE(made == 0);
    };
    run("openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 1 -subj /CN=x");
    run("openssl pkcs8 -topk8 -nocrypt -in k.pem -outform DER -out rsa.der");
    run("openssl pkcs12 -export -inkey k.pem -in c.pem -passout pass:x -out store.p12");
    run("openssl x509 -in c.pem -outform DER -out cert.der");
    run("openssl ecparam -name prime256v1 -genkey -noout -outform DER -out ec.der");
    run("openssl pkcs8 -topk8 -nocrypt -inform DER -in ec.der -outform DER -out ec8.der");
    run("openssl rsa -in k.pem -traditional -outform DER -out rsa1.der");
    run("openssl genpkey -algorithm ED25519 -outform DER -out ed.der");
    run("openssl genrsa 1024 | openssl rsa -traditional -outform DER -out small.der");
    return rules_found(name, ws.read(name));
  };
  CHECK(file("rsa.der").starts_with("pkcs8-key:"));
  CHECK(file("ec8.der").starts_with("pkcs8-key:"));
  CHECK(file("ec.der").starts_with("der-key:"));
  CHECK(file("rsa1.der").starts_with("der-key:"));
  CHECK(file("ed.der").starts_with("pkcs8-key:"));
  CHECK(file("small.der").starts_with("der-key:"));
  CHECK(file("store.p12").starts_with("pkcs12-store:"));
  CHECK(file("cert.der") == "");
}

TEST_CASE("what is said about a secret is none") {
  CHECK(rules_found("a.yml", "  secretName: tls-cert-2024-prod-example-a1\n") == "");
  CHECK(rules_found("a.py", "token_file = \"prod-2024.a1b2c3d4e5f6g7h8\"\n") == "");
  const std::string uuid = "7f9c24e8-3b1a-4d5e-9c0f-2a6b8d7e1f43";
  for (const std::string given : {"credentialsId: '", "tokenId: '", "sentry_public_key: '",
                                  "STRIPE_PUBLISHABLE_KEY=", "token_revision: '"})
    CHECK(rules_found(".env", given + uuid + (given.ends_with('=') ? "" : "'") + "\n") == "");
  CHECK(rules_found("a.js", "x;password=e.password||e.pass2;pwd = x.y+z1w2") == "");
  CHECK(rules_found("a.yml", "  profile_token: prod-2024.a1b2c3d4e5f6g7h8\n")
        == "configured-secret:1");
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
