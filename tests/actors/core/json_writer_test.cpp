#include "actors/core/json_writer.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <limits>

using namespace aeo::core;
using nlohmann::ordered_json;

namespace {

const mask_function no_mask;

/// Writes a value by the calls that its parts need.
void write(json_writer& out, const ordered_json& x) {
  if (x.is_object()) {
    out.begin_object();
    for (const auto& [name, part] : x.items()) {
      out.key(name);
      write(out, part);
    }
    out.end_object();
  } else if (x.is_array()) {
    out.begin_array();
    for (const auto& part : x)
      write(out, part);
    out.end_array();
  } else if (x.is_string()) {
    out.value(x.get_ref<const std::string&>());
  } else if (x.is_boolean()) {
    out.value(x.get<bool>());
  } else if (x.is_number_float()) {
    out.value(x.get<double>());
  } else if (x.is_number_unsigned()) {
    out.value(x.get<std::uint64_t>());
  } else if (x.is_number_integer()) {
    out.value(x.get<std::int64_t>());
  } else {
    out.null();
  }
}

const ordered_json& sample() {
  static const ordered_json x{
      {"empty", ordered_json::object()},
      {"none", ordered_json::array()},
      {"nothing", nullptr},
      {"flags", {true, false}},
      {"numbers",
       {0, -1, 2147483648U, std::numeric_limits<std::int64_t>::min(),
        std::numeric_limits<std::uint64_t>::max(), 0.0, 0.001, 1.0, 12.5, -3.25, 100000.0,
        1234567.891}},
      {"texts", {"", "plain", "\"quoted\" \\ \n\t\x01", "gr\xc3\xbc\xc3\x9f", "bad \xff byte"}},
      {"key \"with\" quotes", {{"deep", {{{"deeper", {1, {2, {3}}}}}, ordered_json::object()}}}},
  };
  return x;
}

} // namespace

TEST_CASE("JSON that is written value by value is what dump gives") {
  const auto indented = GENERATE(false, true);
  std::string text;
  json_writer out{text, no_mask, indented};
  write(out, sample());
  CHECK(text == lenient::dump(sample(), indented ? 2 : -1));
}

TEST_CASE("a value that was built fits into what is written") {
  const auto indented = GENERATE(false, true);
  const ordered_json whole{{"before", 1}, {"built", sample()}, {"list", {sample(), 2}}};
  std::string text;
  json_writer out{text, no_mask, indented};
  out.begin_object();
  out.member("before", 1);
  out.member("built", sample());
  out.key("list");
  out.begin_array();
  out.value(sample());
  out.value(2);
  out.end_array();
  out.end_object();
  CHECK(text == lenient::dump(whole, indented ? 2 : -1));
}

TEST_CASE("JSON is written deep in a document") {
  std::string text;
  json_writer out{text, no_mask, true, 2};
  out.begin_object();
  out.member("a", 1);
  out.end_object();
  CHECK(text == "{\n      \"a\": 1\n    }");
}

TEST_CASE("texts are masked where JSON is written, names are not") {
  const mask_function mask = [](std::string_view text) {
    return text.find("secret") == text.npos ? std::string{text} : std::string{"***"};
  };
  std::string text;
  json_writer out{text, mask, false};
  out.begin_object();
  out.member("secret", "a secret");
  out.member("built", ordered_json{{"secret", "my secret"}, {"other", "text"}});
  out.end_object();
  CHECK(text == R"({"secret":"***","built":{"secret":"***","other":"text"}})");
}
