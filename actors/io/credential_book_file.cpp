#include "actors/core/lenient_json.hpp"
#include "actors/io/credentials.hpp"
#include "actors/io/files.hpp"
#include "messages/type_ids.hpp"

#include <nlohmann/json.hpp>

#include <sys/stat.h>

#include <limits>
#include <utility>

namespace aeo::io {

namespace {

using json = nlohmann::ordered_json;

constexpr std::uint64_t book_version = 1;
constexpr std::size_t sha256_digits = 64;

/// Empty where there is no file.
std::string likeness_of(const std::filesystem::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0)
    return {};
  std::string result;
  for (const auto n :
       {static_cast<long long>(info.st_dev), static_cast<long long>(info.st_ino),
        static_cast<long long>(info.st_mode), static_cast<long long>(info.st_size),
        static_cast<long long>(info.st_mtim.tv_sec), static_cast<long long>(info.st_mtim.tv_nsec),
        static_cast<long long>(info.st_ctim.tv_sec), static_cast<long long>(info.st_ctim.tv_nsec)})
    result += std::to_string(n) + ':';
  return result;
}

caf::error damaged_book(const std::filesystem::path& file, const std::string& what) {
  return caf::make_error(ec::corrupt_state,
                         file.string() + " is damaged: " + what
                             + ". It is kept as it is, and nobody is let in. Put back a copy of "
                               "it; or move it away and issue all credentials anew");
}

bool take_text(const json& from, const char* key, std::string& to) {
  const auto found = from.find(key);
  if (found == from.end() || !found->is_string())
    return false;
  to = found->get<std::string>();
  return true;
}

bool take_time(const json& from, const char* key, std::int64_t& to) {
  const auto found = from.find(key);
  if (found == from.end() || !found->is_number_unsigned())
    return false;
  const auto value = found->get<std::uint64_t>();
  to = static_cast<std::int64_t>(value);
  return value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
}

bool is_hash(const std::string& text) {
  return text.size() == sha256_digits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

/// False: a member is missing or makes no sense.
bool read_record(const json& from, credential_record& to) {
  std::string role;
  if (!from.is_object() || !take_text(from, "name", to.name) || !take_text(from, "role", role)
      || !take_text(from, "token_hash", to.token_hash) || !take_text(from, "serial", to.serial)
      || !take_text(from, "issued_by", to.issued_by) || !take_time(from, "issued_us", to.issued_us)
      || !take_time(from, "expires_us", to.expires_us)
      || !take_time(from, "revoked_us", to.revoked_us))
    return false;
  (void)take_text(from, "revoked_by", to.revoked_by); // Not in books of before it was noted.
  const auto known = access_role_from_string(role);
  to.role = known.value_or(access_role::viewer);
  return known && is_credential_name(to.name) && is_hash(to.token_hash) && !to.serial.empty();
}

caf::error read_book(const std::filesystem::path& file, const std::string& text,
                     std::vector<credential_record>& to) {
  const auto document = json::parse(text, nullptr, false);
  if (!document.is_object())
    return damaged_book(file, "it is no JSON object");
  const auto version = document.find("version");
  if (version == document.end() || !version->is_number_unsigned() || *version == 0)
    return damaged_book(file, "\"version\" is missing or no number from 1 on");
  if (*version > book_version)
    return caf::make_error(ec::newer_schema, file.string()
                                                 + " was written by a newer program (version "
                                                 + version->dump() + "); use that one");
  const auto list = document.find("credentials");
  if (list == document.end() || !list->is_array())
    return damaged_book(file, "\"credentials\" is missing or no list");
  for (const auto& from : *list)
    if (!read_record(from, to.emplace_back()))
      return damaged_book(file, "credential " + std::to_string(to.size())
                                    + " of the list has a member that is missing or makes no "
                                      "sense");
  return {};
}

json to_json(const credential_record& x) {
  return {{"name", x.name},
          {"role", to_string(x.role)},
          {"token_hash", x.token_hash},
          {"serial", x.serial},
          {"issued_by", x.issued_by},
          {"issued_us", x.issued_us},
          {"expires_us", x.expires_us},
          {"revoked_us", x.revoked_us},
          {"revoked_by", x.revoked_by}};
}

} // namespace

caf::error credential_book::refresh() {
  // Looked at before it is read: what changes in between is read once more.
  auto now = likeness_of(file_);
  if (!now.empty() && now == seen_)
    return {};
  seen_.clear();
  records_.clear();
  const auto text = read_private_file(file_);
  if (!text)
    return text.error();
  if (!*text)
    return {};
  if (auto err = read_book(file_, **text, records_)) {
    records_.clear();
    return err;
  }
  seen_ = std::move(now);
  return {};
}

caf::error credential_book::save() {
  json document = {{"version", book_version}, {"credentials", json::array()}};
  for (const auto& x : records_)
    document["credentials"].push_back(to_json(x));
  return replace_file(file_, core::lenient::dump(document, 2) + '\n', S_IRUSR | S_IWUSR);
}

} // namespace aeo::io
