#include "actors/core/sha256.hpp"
#include "actors/io/credentials.hpp"
#include "messages/type_ids.hpp"
#include "tests/fixtures/temp_dir.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <thread>
#include <vector>

using namespace aeo;
using namespace aeo::test;
using io::credential_book;
using io::token_verdict;

namespace {

constexpr std::int64_t hour_us = 3'600'000'000;
constexpr std::int64_t issue_us = 1'767'225'600'000'000; // 2026-01-01

/// Making one costs more than all else here.
const io::pem_identity& book_authority() {
  static const auto made =
      io::make_authority("test authority", issue_us, issue_us + 3650 * 24 * hour_us);
  REQUIRE(made);
  return *made;
}

class book_fixture {
public:
  io::credential issue(const std::string& name, access_role role = access_role::viewer,
                       std::int64_t now_us = issue_us) {
    auto result = book.issue(book_authority(), name, role, now_us, hour_us, "root");
    INFO((result ? std::string{} : message_of(result.error())));
    REQUIRE(result);
    return std::move(*result);
  }
  caf::error refusal(const std::string& name, std::int64_t lifetime_us = hour_us) {
    auto result =
        book.issue(book_authority(), name, access_role::viewer, issue_us, lifetime_us, "root");
    REQUIRE_FALSE(result);
    return result.error();
  }
  token_verdict verdict(const std::string& token, std::int64_t now_us = issue_us) {
    const auto found = book.find(token, now_us);
    REQUIRE(found);
    return found->verdict;
  }
  std::vector<io::credential_record> records() {
    auto result = credential_book(dir.path()).list();
    REQUIRE(result);
    return std::move(*result);
  }
  io::credential open_local(std::int64_t now_us = issue_us, const std::string& user = "alice",
                            const io::pem_identity& authority = book_authority()) {
    auto result = io::open_local_credential(dir.path(), authority, now_us, user);
    INFO((result ? std::string{} : message_of(result.error())));
    REQUIRE(result);
    return std::move(*result);
  }
  std::filesystem::path file(const std::string& name = "credentials.json") const {
    return dir.path() / "consolidation/.aeo" / name;
  }

  temp_dir dir;
  credential_book book{dir.path()};
};

bool says(const caf::error& err, const std::string& text) {
  UNSCOPED_INFO(message_of(err));
  return message_of(err).find(text) != std::string::npos;
}

mode_t permissions_of(const std::filesystem::path& file) {
  struct stat info {};
  REQUIRE(stat(file.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

} // namespace

TEST_CASE("a token is found with its record, any other is unknown") {
  book_fixture f;
  CHECK(f.verdict("anything") == token_verdict::unknown);
  const auto held = f.issue("alice@box", access_role::operator_);
  CHECK(held.name == "alice@box");
  CHECK(held.role == access_role::operator_);
  CHECK(held.expires_us == issue_us + hour_us);
  CHECK(held.authority == book_authority().certificate);
  const auto found = f.book.find(held.token, issue_us);
  REQUIRE(found);
  CHECK(found->verdict == token_verdict::valid);
  CHECK(found->record.name == "alice@box");
  CHECK(found->record.role == access_role::operator_);
  CHECK(found->record.issued_by == "root");
  CHECK(found->record.issued_us == issue_us);
  for (const auto& other : {std::string{}, held.token + 'x', held.token.substr(1),
                            core::sha256_hex(held.token), std::string(100'000, 'x')}) {
    const auto unknown = f.book.find(other, issue_us);
    REQUIRE(unknown);
    CHECK(unknown->verdict == token_verdict::unknown);
    CHECK(unknown->record.name.empty());
  }
}

TEST_CASE("a credential's certificate is a client's, of its name, and lives as long as it") {
  book_fixture f;
  const auto held = f.issue("alice");
  CHECK(io::flaw_of(held.identity).empty());
  CHECK(io::is_issued_by(held.identity.certificate, held.authority));
  const auto info = io::describe_certificate(held.identity.certificate);
  REQUIRE(info);
  CHECK(info->common_name == "alice");
  CHECK(info->until_us == held.expires_us);
  CHECK(f.records().at(0).serial == info->serial);
}

TEST_CASE("tokens are 43 characters of base64url and never the same") {
  constexpr auto alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  book_fixture f;
  std::set<std::string> seen;
  for (int i = 0; i < 20; ++i) {
    const auto token = f.issue("n" + std::to_string(i)).token;
    CHECK(token.size() == 43);
    CHECK(token.find_first_not_of(alphabet) == token.npos);
    seen.insert(token);
  }
  CHECK(seen.size() == 20);
}

TEST_CASE("expired and revoked are told apart, and revoked counts more") {
  book_fixture f;
  const auto token = f.issue("alice").token;
  CHECK(f.verdict(token, issue_us + hour_us - 1) == token_verdict::valid);
  CHECK(f.verdict(token, issue_us + hour_us) == token_verdict::expired);
  REQUIRE_FALSE(f.book.revoke("alice", issue_us + 1, "root"));
  CHECK(f.verdict(token) == token_verdict::revoked);
  CHECK(f.verdict(token, issue_us + hour_us) == token_verdict::revoked);
  CHECK(f.records().at(0).revoked_us == issue_us + 1);
}

TEST_CASE("a book that is open sees at once what another one issues or revokes") {
  book_fixture f;
  credential_book other(f.dir.path());
  const auto alice = f.issue("alice").token;
  CHECK(other.find(alice, issue_us)->verdict == token_verdict::valid);
  for (int i = 0; i < 10; ++i) {
    const auto name = "n" + std::to_string(i);
    const auto token = f.issue(name).token;
    CHECK(other.find(token, issue_us)->verdict == token_verdict::valid);
    REQUIRE_FALSE(f.book.revoke(name, issue_us, "root"));
    CHECK(other.find(token, issue_us)->verdict == token_verdict::revoked);
  }
  REQUIRE_FALSE(other.revoke("alice", issue_us, "root"));
  CHECK(f.verdict(alice) == token_verdict::revoked);
  std::filesystem::remove(f.file());
  CHECK(f.verdict(alice) == token_verdict::unknown);
}

TEST_CASE("revoking what nobody has is an error that does not repeat it") {
  book_fixture f;
  CHECK(f.book.revoke("alice", issue_us, "root") == ec::not_found);
  const auto token = f.issue("alice").token;
  CHECK(f.book.revoke("alice", issue_us + hour_us, "root") == ec::not_found);
  const auto err = f.book.revoke(token, issue_us, "root");
  CHECK(err == ec::not_found);
  CHECK_FALSE(says(err, token));
  REQUIRE_FALSE(f.book.revoke("alice", issue_us, "root"));
  CHECK(f.book.revoke("alice", issue_us, "root") == ec::not_found);
}

TEST_CASE("a name has one valid credential, and another one after it") {
  book_fixture f;
  const auto first = f.issue("alice").token;
  const auto err = f.refusal("alice");
  CHECK(err == ec::wrong_state);
  CHECK(says(err, "revoke it first"));
  CHECK(says(err, "alice"));
  CHECK(f.verdict(first) == token_verdict::valid);
  REQUIRE_FALSE(f.book.revoke("alice", issue_us, "root"));
  const auto second = f.issue("alice").token;
  const auto third = f.issue("alice", access_role::viewer, issue_us + hour_us).token;
  CHECK(f.verdict(first, issue_us + hour_us) == token_verdict::revoked);
  CHECK(f.verdict(second, issue_us + hour_us) == token_verdict::expired);
  CHECK(f.verdict(third, issue_us + hour_us) == token_verdict::valid);
  CHECK(f.records().size() == 3);
}

TEST_CASE("a name is made of few characters and is not too long") {
  book_fixture f;
  for (const auto& name : {std::string(64, 'x'), std::string("A.z_0@9-"), std::string("-")})
    CHECK(f.issue(name).name == name);
  for (const auto& name :
       {std::string{}, std::string(65, 'x'), std::string("a b"), std::string("a/b"),
        std::string("a\n"), std::string("a\0b", 3), std::string("\xc3\xb6"), std::string("a:b")}) {
    const auto err = f.refusal(name);
    CHECK(err == ec::bad_configuration);
    CHECK(says(err, "letters, digits"));
  }
}

TEST_CASE("a credential lives for some time, and not longer than the authority") {
  book_fixture f;
  for (const auto lifetime : {std::int64_t{0}, std::int64_t{-1}, INT64_MIN, INT64_MAX})
    CHECK(f.refusal("alice", lifetime) == ec::bad_configuration);
  CHECK(says(f.refusal("alice", 4000 * 24 * hour_us), "outlive"));
  CHECK_FALSE(std::filesystem::exists(f.file()));
  CHECK(f.records().empty());
}

TEST_CASE("the book's file is private, readable and knows no token and no key") {
  book_fixture f;
  const auto held = f.issue("alice", access_role::operator_);
  CHECK(permissions_of(f.file()) == 0600);
  const auto text = read_bytes(f.file());
  CHECK(text.find(held.token) == text.npos);
  CHECK(text.find("PRIVATE KEY") == text.npos);
  const auto document = nlohmann::json::parse(text);
  CHECK(document["version"] == 1);
  const auto& record = document["credentials"].at(0);
  CHECK(record["name"] == "alice");
  CHECK(record["role"] == "operator");
  CHECK(record["token_hash"] == core::sha256_hex(held.token));
  CHECK(record["issued_us"] == issue_us);
  CHECK(record["expires_us"] == issue_us + hour_us);
  CHECK(record["revoked_us"] == 0);
  CHECK_FALSE(std::filesystem::exists(f.file("credentials.json.tmp")));
}

TEST_CASE("a damaged book is named and kept, lets nobody in and takes nobody") {
  book_fixture f;
  const auto held = f.issue("alice");
  const auto good = read_bytes(f.file());
  auto bad_role = nlohmann::json::parse(good);
  bad_role["credentials"][0]["role"] = "king";
  auto bad_hash = nlohmann::json::parse(good);
  bad_hash["credentials"][0]["token_hash"] = "";
  auto bad_time = nlohmann::json::parse(good);
  bad_time["credentials"][0]["revoked_us"] = "never";
  auto huge_time = nlohmann::json::parse(good);
  huge_time["credentials"][0]["expires_us"] = UINT64_MAX;
  for (const std::string& text :
       {std::string{}, std::string("[]"), std::string("{}"), std::string(R"({"version":0})"),
        std::string(R"({"version":1})"), std::string(R"({"version":1,"credentials":{}})"),
        std::string(R"({"version":1,"credentials":[1]})"), good.substr(0, good.size() / 2),
        std::string(100'000, '['), bad_role.dump(), bad_hash.dump(), bad_time.dump(),
        huge_time.dump()}) {
    write_bytes(f.file(), text);
    const auto found = f.book.find(held.token, issue_us);
    REQUIRE_FALSE(found);
    CHECK(found.error() == ec::corrupt_state);
    CHECK(says(found.error(), f.file().string() + " is damaged"));
    CHECK_FALSE(says(found.error(), held.token));
    CHECK(f.refusal("bob") == ec::corrupt_state);
    CHECK(f.book.revoke("alice", issue_us, "root") == ec::corrupt_state);
    CHECK_FALSE(f.book.list());
    CHECK(read_bytes(f.file()) == text);
  }
  write_bytes(f.file(), good);
  CHECK(f.verdict(held.token) == token_verdict::valid);
}

TEST_CASE("a book of a newer program is left to that program") {
  book_fixture f;
  f.issue("alice");
  write_bytes(f.file(), R"({"version":2,"people":[]})");
  const auto err = f.refusal("bob");
  CHECK(err == ec::newer_schema);
  CHECK(says(err, "newer program (version 2)"));
  CHECK(read_bytes(f.file()) == R"({"version":2,"people":[]})");
}

TEST_CASE("a book that others may read is refused, also when it was read before") {
  book_fixture f;
  const auto token = f.issue("alice").token;
  CHECK(f.verdict(token) == token_verdict::valid);
  REQUIRE(chmod(f.file().c_str(), 0640) == 0);
  const auto found = f.book.find(token, issue_us);
  REQUIRE_FALSE(found);
  CHECK(found.error() == ec::bad_configuration);
  CHECK(says(found.error(), "chmod 600 " + f.file().string()));
  REQUIRE(chmod(f.file().c_str(), 0600) == 0);
  CHECK(f.verdict(token) == token_verdict::valid);
}

TEST_CASE("what cannot be stored is not issued") {
  book_fixture f;
  const auto token = f.issue("alice").token;
  std::filesystem::create_directories(f.file("credentials.json.tmp") / "x");
  CHECK(f.refusal("bob") == ec::storage_failed);
  CHECK(f.book.revoke("alice", issue_us, "root") == ec::storage_failed);
  CHECK(f.records().size() == 1);
  CHECK(f.verdict(token) == token_verdict::valid);
}

TEST_CASE("processes and threads that issue at the same time lose nothing") {
  book_fixture f;
  constexpr int each = 6;
  const auto& authority = book_authority();
  const auto issue_some = [&](const std::string& prefix) {
    int done = 0;
    credential_book own(f.dir.path());
    for (int i = 0; i < each; ++i)
      if (own.issue(authority, prefix + std::to_string(i), access_role::viewer, issue_us, hour_us,
                    "root"))
        ++done;
    return done == each;
  };
  std::vector<pid_t> children;
  for (const auto* prefix : {"p", "q"}) {
    children.push_back(fork());
    REQUIRE(children.back() >= 0);
    if (children.back() == 0)
      _exit(issue_some(prefix) ? 0 : 1);
  }
  bool first = false;
  bool second = false;
  std::thread a([&] { first = issue_some("a"); });
  std::thread b([&] { second = issue_some("b"); });
  a.join();
  b.join();
  CHECK(first);
  CHECK(second);
  for (const auto child : children) {
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  std::set<std::string> names;
  for (const auto& x : f.records())
    names.insert(x.name);
  CHECK(names.size() == 4 * each);
}

TEST_CASE("of many who want one name at the same time, one gets it") {
  book_fixture f;
  const auto& authority = book_authority();
  std::vector<char> got(4, 0);
  std::vector<std::thread> threads;
  threads.reserve(got.size());
  for (auto& mine : got)
    threads.emplace_back([&] {
      credential_book own(f.dir.path());
      mine = own.issue(authority, "alice", access_role::viewer, issue_us, hour_us, "root") ? 1 : 0;
    });
  for (auto& x : threads)
    x.join();
  CHECK(std::count(got.begin(), got.end(), 1) == 1);
  CHECK(f.records().size() == 1);
}

TEST_CASE("a credential comes back from its file, which is private from the start") {
  book_fixture f;
  const auto held = f.issue("alice", access_role::operator_);
  const auto file = f.dir / "alice.json";
  const auto mask = umask(0);
  const auto err = io::write_credential(file, held);
  umask(mask);
  REQUIRE_FALSE(err);
  CHECK(permissions_of(file) == 0600);
  CHECK(read_bytes(file).find(nlohmann::json(book_authority().key).dump()) == std::string::npos);
  const auto back = io::read_credential(file);
  REQUIRE(back);
  CHECK_FALSE(io::check_certificates(file, *back));
  CHECK(back->name == held.name);
  CHECK(back->role == held.role);
  CHECK(back->token == held.token);
  CHECK(back->authority == held.authority);
  CHECK(back->identity.certificate == held.identity.certificate);
  CHECK(back->identity.key == held.identity.key);
  CHECK(back->expires_us == held.expires_us);
}

TEST_CASE("a credential replaces no file, nor what a link points to") {
  book_fixture f;
  const auto held = f.issue("alice");
  write_bytes(f.dir / "there", "mine");
  std::filesystem::create_symlink(f.dir / "nothing", f.dir / "link");
  for (const auto* name : {"there", "link"}) {
    const auto err = io::write_credential(f.dir / name, held);
    CHECK(err == ec::wrong_state);
    CHECK(says(err, (f.dir / name).string()));
    CHECK_FALSE(says(err, held.token));
  }
  CHECK(read_bytes(f.dir / "there") == "mine");
  CHECK_FALSE(std::filesystem::exists(f.dir / "nothing"));
  CHECK(io::write_credential(f.dir / "no/folder", held) == ec::storage_failed);
}

TEST_CASE("a credential file that is no good is named, without its secrets") {
  book_fixture f;
  const auto held = f.issue("alice");
  const auto file = f.dir / "alice.json";
  CHECK(io::read_credential(file).error() == ec::not_found);
  REQUIRE_FALSE(io::write_credential(file, held));
  const auto good = read_bytes(file);
  const auto refused = [&](const std::string& text) {
    write_bytes(file, text);
    const auto result = io::read_credential(file);
    const auto err = result ? io::check_certificates(file, *result) : result.error();
    REQUIRE(err);
    CHECK(says(err, file.string()));
    CHECK_FALSE(says(err, held.token));
    CHECK_FALSE(says(err, "PRIVATE KEY"));
    CHECK(read_bytes(file) == text);
    return err;
  };
  CHECK(refused("") == ec::corrupt_state);
  CHECK(refused(good.substr(0, good.size() - 3)) == ec::corrupt_state);
  for (const auto* key :
       {"version", "name", "role", "token", "expires_us", "authority", "certificate", "key"}) {
    auto document = nlohmann::json::parse(good);
    const std::vector<nlohmann::json> wrong = {nullptr, "rubbish", -1, 1.5, {{"a", 1}}};
    for (const auto& value : wrong) {
      document[key] = value;
      if (std::string(key) == "name" && value == "rubbish")
        continue;
      const auto err = refused(document.dump());
      CHECK(err == ec::corrupt_state);
      CHECK(says(err, '"' + std::string(key) + '"'));
    }
    document.erase(key);
    CHECK(refused(document.dump()) == ec::corrupt_state);
  }
  auto newer = nlohmann::json::parse(good);
  newer["version"] = 7;
  CHECK(refused(newer.dump()) == ec::newer_schema);
}

TEST_CASE("a credential file that others may read is refused") {
  book_fixture f;
  const auto file = f.dir / "alice.json";
  REQUIRE_FALSE(io::write_credential(file, f.issue("alice")));
  REQUIRE(chmod(file.c_str(), 0644) == 0);
  const auto result = io::read_credential(file);
  REQUIRE_FALSE(result);
  CHECK(result.error() == ec::bad_configuration);
  CHECK(says(result.error(), "chmod 600 " + file.string()));
}

TEST_CASE("the local credential is an operator's, private, and kept while it is good") {
  book_fixture f;
  const auto made = f.open_local();
  CHECK(made.name == "alice");
  CHECK(made.role == access_role::operator_);
  CHECK(permissions_of(f.file("operator.json")) == 0600);
  CHECK(f.verdict(made.token) == token_verdict::valid);
  CHECK(f.open_local(issue_us + hour_us).token == made.token);
  CHECK(f.open_local(made.expires_us - 24 * hour_us - 1).token == made.token);
  CHECK(f.records().size() == 1);
}

TEST_CASE("the local credential is made anew when it is about to expire, or has") {
  for (const auto before : {24 * hour_us, std::int64_t{0}, -hour_us}) {
    book_fixture f;
    const auto old = f.open_local();
    const auto now = old.expires_us - before;
    const auto made = f.open_local(now);
    CHECK(made.token != old.token);
    CHECK(f.verdict(made.token, now) == token_verdict::valid);
    CHECK(f.verdict(old.token, now) != token_verdict::valid);
    CHECK(f.open_local(now).token == made.token);
  }
}

TEST_CASE("the local credential is made anew when it was revoked, is unknown or was lost") {
  book_fixture f;
  const auto first = f.open_local();
  REQUIRE_FALSE(f.book.revoke("alice", issue_us, "root"));
  const auto second = f.open_local();
  CHECK(second.token != first.token);
  std::filesystem::remove(f.file());
  const auto third = f.open_local();
  CHECK(third.token != second.token);
  CHECK(f.verdict(second.token) == token_verdict::unknown);
  std::filesystem::remove(f.file("operator.json"));
  const auto fourth = f.open_local();
  CHECK(f.verdict(third.token) == token_verdict::revoked);
  CHECK(f.verdict(fourth.token) == token_verdict::valid);
}

TEST_CASE("the local credential is made anew for another authority") {
  book_fixture f;
  const auto old = f.open_local();
  const auto other = io::make_authority("other", issue_us, issue_us + 48 * hour_us);
  REQUIRE(other);
  const auto made = f.open_local(issue_us, "alice", *other);
  CHECK(made.authority == other->certificate);
  CHECK(made.expires_us == issue_us + 48 * hour_us);
  CHECK(f.verdict(old.token) == token_verdict::revoked);
  CHECK(f.verdict(made.token) == token_verdict::valid);
}

TEST_CASE("a local credential takes nothing from who was issued one by the same name") {
  book_fixture f;
  const auto issued = f.issue("alice");
  const auto first = f.open_local();
  std::filesystem::remove(f.file("operator.json"));
  f.open_local();
  CHECK(f.verdict(issued.token) == token_verdict::valid);
  CHECK(f.verdict(first.token) == token_verdict::revoked);
}

TEST_CASE("a local credential's name is made of the user's, whatever that is") {
  for (const auto& [user, name] : {std::pair<std::string, std::string>{"", "operator"},
                                   {"DOMAIN\\b\xc3\xb6 b", "DOMAIN-b---b"},
                                   {std::string(200, 'x'), std::string(64, 'x')}}) {
    book_fixture f;
    CHECK(f.open_local(issue_us, user).name == name);
  }
}

TEST_CASE("a local credential that is damaged or open to others is named and kept") {
  book_fixture f;
  f.open_local();
  const auto file = f.file("operator.json");
  REQUIRE(chmod(file.c_str(), 0604) == 0);
  const auto refused = [&] {
    const auto result = io::open_local_credential(f.dir.path(), book_authority(), issue_us, "a");
    REQUIRE_FALSE(result);
    CHECK(says(result.error(), file.string()));
    return result.error();
  };
  CHECK(refused() == ec::bad_configuration);
  REQUIRE(chmod(file.c_str(), 0600) == 0);
  write_bytes(file, "rubbish");
  CHECK(refused() == ec::corrupt_state);
  CHECK(read_bytes(file) == "rubbish");
}
