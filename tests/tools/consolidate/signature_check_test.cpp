#include "tools/consolidate/signature_check.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo::consolidate;

namespace {

bool compared(const std::vector<std::string_view>& lines) {
  static const re2::RE2 computes("(?i:\\bhmac\\b|createHmac)");
  return is_compared({{"hook", lines}}, computes);
}

} // namespace

TEST_CASE("a comparison whose result nobody uses compares nothing") {
  CHECK_FALSE(compared({"own = hmac.new(key, body)", "hmac.compare_digest(own, theirs)"}));
  CHECK_FALSE(
      compared({"own = hmac.new(key, body)", "compare_digest(", "    own,", "    theirs)"}));
  CHECK_FALSE(compared({"const own = createHmac('sha256', key);",
                        "crypto.timingSafeEqual(Buffer.from(own), theirs);"}));
  CHECK_FALSE(compared({"mac := hmac.New(sha256.New, key)", "hmac.Equal(mac.Sum(nil), theirs)"}));
  CHECK_FALSE(
      compared({"byte[] own = hmac.doFinal(body);", "MessageDigest.isEqual(own, theirs);"}));
}

TEST_CASE("a comparison whose result is used compares") {
  CHECK(compared({"own = hmac.new(key, body)", "if not hmac.compare_digest(own, theirs):"}));
  CHECK(compared({"own = hmac.new(key, body)", "same = hmac.compare_digest(own, theirs)"}));
  CHECK(compared({"own = hmac.new(key, body)", "hmac.compare_digest(own, theirs) or abort(403)"}));
  CHECK(compared({"own = hmac.new(key, body)", "assert_that(compare_digest(own, theirs))"}));
  CHECK(compared({"const own = createHmac('sha256', key);",
                  "return crypto.timingSafeEqual(Buffer.from(own), theirs);"}));
  CHECK(
      compared({"byte[] own = hmac.doFinal(body);", "if (!MessageDigest.isEqual(own, theirs)) {"}));
  CHECK(compared({"mac := hmac.New(sha256.New, key)",
                  "if subtle.ConstantTimeCompare(mac.Sum(nil), theirs) != 1 {"}));
}

TEST_CASE("the last value of a Ruby method is its result") {
  CHECK(compared({"own = OpenSSL::HMAC.hexdigest('sha256', key, body)",
                  "Rack::Utils.secure_compare(own, theirs)"}));
}
