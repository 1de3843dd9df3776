#include "actors/core/secret_mask.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace aeo;
using namespace aeo::core;

namespace {

const std::string token = "ghp_S3cr/t+\"v\\alue\" & <x>=\xc3\xa9?";

secret_mask mask_of(std::string value) {
  return secret_mask{{{"GITHUB_TOKEN", std::move(value)}}};
}

std::string openssl_base64(const std::string& text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                  reinterpret_cast<const unsigned char*>(text.data()),
                  static_cast<int>(text.size()));
  out.pop_back();
  return out;
}

std::string to_url_alphabet(std::string text) {
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

/// With `before` in front of each byte.
std::string hex_of(const std::string& text, bool upper, const std::string& before = {}) {
  const std::string digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  std::string out;
  for (unsigned char c : text)
    out += before + digits[c >> 4] + digits[c & 15];
  return out;
}

std::string json_of(const std::string& text, bool ascii) {
  auto quoted = nlohmann::json(text).dump(-1, ' ', ascii);
  return quoted.substr(1, quoted.size() - 2);
}

std::string wrapped(const std::string& text, std::size_t width, const std::string& line_break) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += width)
    out += (i > 0 ? line_break : "") + text.substr(i, width);
  return out;
}

/// Every way in which the tests write a secret.
std::vector<std::string> written_forms(const std::string& secret) {
  std::vector<std::string> forms = {secret,
                                    hex_of(secret, false),
                                    hex_of(secret, true),
                                    hex_of(secret, true, "%"),
                                    json_of(secret, false),
                                    json_of(secret, true),
                                    json_of(json_of(secret, false), false),
                                    json_of(json_of(secret, true), true)};
  for (auto before : {"", "x", "xy", "user:"}) {
    forms.push_back(openssl_base64(before + secret + "tail"));
    forms.push_back(to_url_alphabet(forms.back()));
  }
  return forms;
}

std::string piecewise(const secret_mask& mask, const std::string& text,
                      const std::vector<std::size_t>& cuts) {
  mask_stream stream{mask};
  std::string out;
  std::size_t at = 0;
  for (auto cut : cuts) {
    out += stream.write(std::string_view{text}.substr(at, cut - at));
    at = cut;
  }
  out += stream.write(std::string_view{text}.substr(at));
  return out + stream.finish();
}

/// What may be left of a base64 form: the characters at its ends that also depend on others.
bool leaks(const std::string& masked, const std::string& form) {
  constexpr std::size_t length = 8;
  for (std::size_t i = 0; i + length <= form.size(); ++i)
    if (masked.find(form.substr(i, length)) != std::string::npos)
      return true;
  return false;
}

} // namespace

TEST_CASE("only variables with a secret name are masked") {
  secret_mask mask{{{"PATH", "/usr/bin"}, {"A_KEY", "k3y-value"}}};
  CHECK(mask.mask("/usr/bin k3y-value") == "/usr/bin ***A_KEY***");
}

TEST_CASE("a secret is masked in every form, with what stands around it kept") {
  auto mask = mask_of(token);
  CHECK(mask.mask("a " + token + " b") == "a ***GITHUB_TOKEN*** b");
  CHECK(mask.mask(token + token) == "***GITHUB_TOKEN***");
  for (const auto& form : written_forms(token)) {
    INFO(form);
    auto masked = mask.mask("<" + form + ">");
    CHECK(masked.find("***GITHUB_TOKEN***") != std::string::npos);
    CHECK(masked.starts_with("<"));
    CHECK(masked.ends_with(">"));
    CHECK_FALSE(leaks(masked, form.find("tail") == std::string::npos && form.size() < 30
                                  ? form
                                  : form.substr(4, form.size() - 12)));
  }
}

TEST_CASE("URL encodings of common tools are masked") {
  auto mask = mask_of("p a/s$(w)'rd*~+=&?#@!");
  for (auto text : {
           "p%20a%2Fs%24%28w%29%27rd%2A~%2B%3D%26%3F%23%40%21", // RFC 3986, Python quote(safe="")
           "p%20a%2fs%24%28w%29%27rd%2a~%2b%3d%26%3f%23%40%21",
           "p%20a/s%24%28w%29%27rd%2A~%2B%3D%26%3F%23%40%21", // Python quote()
           "p%20a%2Fs%24(w)'rd*~%2B%3D%26%3F%23%40!",         // encodeURIComponent
           "p%20a/s$(w)'rd*~+=&?#@!",                         // encodeURI
           "p+a%2Fs%24%28w%29%27rd%2A~%2B%3D%26%3F%23%40%21", // Python quote_plus, Go QueryEscape
       }) {
    INFO(text);
    CHECK(mask.mask(text) == "***GITHUB_TOKEN***");
  }
}

TEST_CASE("base64 and hex are masked across line breaks, JSON-escaped ones too") {
  std::mt19937 random{11};
  std::string secret;
  for (int i = 0; i < 93; ++i)
    secret += "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"[random() % 63];
  auto mask = mask_of(secret);
  for (std::size_t before = 0; before < 80; ++before)
    for (std::size_t width : {60, 64, 76})
      for (auto line_break : {"\n", "\r\n", "\\n", "\\r\\n", "\\\\n", "\n    "}) {
        auto plain = std::string(before, '.') + secret;
        for (const auto& form : {openssl_base64(plain), hex_of(plain, false)}) {
          auto masked = mask.mask(wrapped(form, width, line_break));
          REQUIRE(masked.find("***GITHUB_TOKEN***") != std::string::npos);
          REQUIRE_FALSE(leaks(masked, form.substr(before * 2 + 8)));
        }
      }
}

TEST_CASE("of a long secret each stretch is enough, of a value each line") {
  std::mt19937 random{12};
  std::string pem = "-----BEGIN PRIVATE KEY-----\n", body;
  for (int line = 0; line < 26; ++line) {
    for (int i = 0; i < 64; ++i)
      body += "abcdefghijklmnopqrstuvwxyz0123456789+/"[random() % 38];
    pem += body.substr(body.size() - 64) + "\n";
  }
  auto mask = mask_of(pem + "-----END PRIVATE KEY-----\n");
  CHECK(mask.mask("-----BEGIN PRIVATE KEY-----") == "-----BEGIN PRIVATE KEY-----");
  CHECK_FALSE(leaks(mask.mask(pem), body));
  CHECK_FALSE(leaks(mask.mask(json_of(pem, false)), body));
  CHECK(mask.mask(body.substr(64, 64)) == "***GITHUB_TOKEN***");
  auto inside = openssl_base64(pem);
  CHECK_FALSE(leaks(mask.mask(inside), inside.substr(40, inside.size() - 50)));
  std::string line(500, 'x');
  for (auto& c : line)
    c = static_cast<char>('a' + random() % 26);
  CHECK(mask_of(line).mask(">" + line + "<") == ">***GITHUB_TOKEN***<");
  CHECK_FALSE(leaks(mask_of(line).mask(line.substr(100, 200)), line.substr(150, 100)));
}

TEST_CASE("what would make every text unreadable is not masked") {
  for (auto value : {"", "abc", "true", "None", "12345", "****", "----", " \n\t"}) {
    INFO(value);
    CHECK(mask_of(value).empty());
  }
  for (auto value : {"abcd", "123456", "aaaa", "/etc/ssl/key"})
    CHECK_FALSE(mask_of(value).empty());
  CHECK(secret_mask{}.mask("text") == "text");
  std::string text = "text";
  CHECK_FALSE(secret_mask{}.apply(text));
  CHECK(mask_of("text").apply(text));
  CHECK(text == "***GITHUB_TOKEN***");
}

TEST_CASE("overlapping secrets leave nothing of either") {
  secret_mask mask{{{"A_KEY", "abcdefgh"}, {"B_KEY", "efghijkl"}, {"C_KEY", "abcdefgh"}}};
  CHECK(mask.mask("-abcdefghijkl-") == "-***A_KEY***-");
  CHECK(mask.mask("-abcdefghefghijkl-") == "-***A_KEY******B_KEY***-");
  CHECK(mask.mask("abcdefg efghijk") == "abcdefg efghijk");
}

TEST_CASE("a JSON text stays valid when it is masked") {
  std::mt19937 random{13};
  const std::string letters = "n\\/ab\n\t\""; // No quote in a secret: see the header.
  for (int round = 0; round < 3000; ++round) {
    std::string secret, text;
    for (int i = 0; i < 5; ++i)
      secret += letters[random() % 7];
    for (int i = 0; i < 20; ++i)
      text += random() % 5 == 0 ? secret : std::string(1, letters[random() % 8]);
    auto masked = mask_of(secret).mask(nlohmann::json({{"text", text}}).dump());
    INFO(secret << " in " << text);
    REQUIRE(nlohmann::json::accept(masked));
  }
}

TEST_CASE("a stream says the same as the whole text, cut anywhere") {
  auto mask = secret_mask{{{"GITHUB_TOKEN", token}, {"B_KEY", "aaaaab"}, {"C_KEY", "\\\\x\\\\"}}};
  std::string text = "aaaaaaaaabaaaaab\\\\\\x\\\\\\\\x\\\\ ";
  for (const auto& form : written_forms(token))
    text.append(form).append("\\").append(wrapped(form, 20, "\\n")).append(form);
  const auto whole = mask.mask(text);
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    REQUIRE(piecewise(mask, text, {cut}) == whole);
  std::vector<std::size_t> each;
  for (std::size_t i = 0; i < text.size(); ++i)
    each.push_back(i);
  CHECK(piecewise(mask, text, each) == whole);
  std::mt19937 random{14};
  for (int round = 0; round < 300; ++round) {
    std::vector<std::size_t> cuts(random() % 20);
    for (auto& cut : cuts)
      cut = random() % (text.size() + 1);
    std::sort(cuts.begin(), cuts.end());
    REQUIRE(piecewise(mask, text, cuts) == whole);
  }
}

TEST_CASE("random secrets never leave, in any form, in streams cut anywhere") {
  std::mt19937 random{15};
  for (int round = 0; round < 300; ++round) {
    std::string secret;
    for (std::size_t n = 8 + random() % 90; secret.size() < n;)
      secret += static_cast<char>(33 + random() % 94);
    auto mask = mask_of(secret);
    for (const auto& form : written_forms(secret)) {
      auto text = "<<" + form + ">>";
      auto masked = piecewise(mask, text, {random() % text.size()});
      INFO(secret << " as " << form);
      REQUIRE(masked == mask.mask(text));
      REQUIRE(masked.find("***GITHUB_TOKEN***") != std::string::npos);
      if (form.size() > 24)
        REQUIRE_FALSE(leaks(masked, form.substr(8, form.size() - 20)));
    }
  }
}

TEST_CASE("a stream holds back no more than it must") {
  mask_stream stream{mask_of("abcdefgh")};
  std::size_t said = 0;
  for (int i = 0; i < 1000; ++i)
    said += stream.write("0123456789").size();
  CHECK(said > 10'000 - 160);
  CHECK(mask_stream{secret_mask{}}.write("now") == "now");
}

TEST_CASE("masked JSON is JSON, also when a number looks like a secret") {
  secret_mask mask{{{"API_KEY", "1234567"}, {"MY_TOKEN", "a\"quote"}}};
  auto masked = mask.mask_json(R"({"pid":1234567,"tail":"key 1234567, a\"quote","a\"quote":[1]})");
  auto document = nlohmann::json::parse(masked);
  CHECK(document["pid"] == 1234567);
  CHECK(document["tail"] == "key ***API_KEY***, ***MY_TOKEN***");
  CHECK(document.contains("***MY_TOKEN***"));
}
