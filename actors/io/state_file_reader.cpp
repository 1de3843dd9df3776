#include "actors/core/phase_json.hpp"
#include "actors/core/sha256.hpp"
#include "actors/core/timestamp.hpp"
#include "actors/io/files.hpp"
#include "actors/io/state_file.hpp"
#include "messages/type_ids.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

namespace aeo::io {

namespace {

using json = nlohmann::ordered_json;

constexpr int max_depth = 64;
constexpr std::size_t checksum_digits = 64;

struct closer {
  void operator()(std::FILE* f) const { std::fclose(f); }
};
using open_file = std::unique_ptr<std::FILE, closer>;

caf::error damaged_file(const std::filesystem::path& file, const std::string& what,
                        const std::string& also = {}) {
  return caf::make_error(ec::corrupt_state,
                         file.string() + " is damaged: " + what
                             + ". It is kept as it is. Repair it, or put back a copy of it" + also
                             + "; or move it away and start with --fresh");
}

enum class seal { none, whole, broken };

// Looks for `"checksum": "HEX"` at the end and compares it with the bytes before it.
seal check_seal(std::FILE* in) {
  constexpr std::string_view key = "\"checksum\": \"";
  core::sha256 hash;
  std::string held; // The last bytes, which may be the seal.
  constexpr std::size_t tail = key.size() + checksum_digits + 16;
  std::array<char, 64 * 1024> buffer;
  while (const auto n = std::fread(buffer.data(), 1, buffer.size(), in)) {
    held.append(buffer.data(), n);
    if (held.size() <= tail)
      continue;
    hash.update(std::string_view(held).substr(0, held.size() - tail));
    held.erase(0, held.size() - tail);
  }
  const auto at = held.rfind(key);
  if (at == held.npos)
    return seal::none;
  hash.update(std::string_view(held).substr(0, at));
  return held.compare(at + key.size(), checksum_digits, hash.hex()) == 0 ? seal::whole
                                                                         : seal::broken;
}

// Takes phase after phase out of the document while it is parsed, so that it is never held whole.
class phase_collector {
public:
  phase_collector(const std::filesystem::path& file, const plan& p, imported_state& result)
      : file_(file), plan_(p), find_(p), result_(result), seen_(p.phases.size()) {}

  bool operator()(int depth, json::parse_event_t what, json& parsed) {
    if (depth > max_depth && problem_.empty())
      problem_ = "it is nested more than " + std::to_string(max_depth) + " levels deep";
    if (!problem_.empty())
      return false;
    if (what == json::parse_event_t::key) {
      if (depth == 1)
        top_key(parsed.get<std::string>());
      else if (depth == 2)
        phase_ = parsed.get<std::string>();
      return true;
    }
    if (!in_phases_ || depth != 2 || what == json::parse_event_t::object_start
        || what == json::parse_event_t::array_start)
      return true;
    take(parsed);
    return false;
  }

  const std::string& problem() const { return problem_; }

private:
  void top_key(std::string key) {
    in_phases_ = key == "phases";
    if (std::find(keys_.begin(), keys_.end(), key) != keys_.end())
      problem_ = '"' + key + "\" is there twice";
    keys_.push_back(std::move(key));
  }

  void take(const json& object) {
    auto imported = core::phase_from_json(object);
    if (!imported.state) {
      problem_ = "phase " + phase_ + ": " + imported.problem;
      return;
    }
    const auto index = find_(phase_);
    if (index == core::phase_lookup::npos) {
      result_.unknown_phases.push_back(phase_);
      return;
    }
    if (seen_[index]) {
      problem_ = "phase " + phase_ + " is there twice";
      return;
    }
    seen_[index] = true;
    result_.found.push_back(index);
    result_.state.phases[index] = std::move(*imported.state);
    for (const auto& warning : imported.warnings)
      result_.warnings.push_back(file_.string() + ": phase " + phase_ + ": " + warning);
  }

  const std::filesystem::path& file_;
  const plan& plan_;
  core::phase_lookup find_;
  imported_state& result_;
  std::vector<bool> seen_;
  std::vector<std::string> keys_;
  bool in_phases_ = false;
  std::string phase_;
  std::string problem_;
};

std::string text_of(const json& object, const char* key) {
  auto i = object.find(key);
  return i != object.end() && i->is_string() ? i->get<std::string>() : std::string{};
}

// What stands beside the phases. Only our own file can be trusted to say where the log stood.
void read_rest(const json& document, const std::filesystem::path& file, imported_state& result) {
  auto& s = result.state;
  s.id = text_of(document, "execution_id");
  if (s.id.empty())
    result.warnings.push_back(file.string() + ": there is no execution_id: a new one is made");
  for (auto [key, target] :
       {std::pair{"started_at", &s.started_us}, std::pair{"last_updated", &s.updated_us}}) {
    const auto text = text_of(document, key);
    const auto time = core::parse_time(text);
    *target = time.value_or(0);
    if (!time && !text.empty())
      result.warnings.push_back(file.string() + ": \"" + key + "\" is \"" + text
                                + "\", not a time (ISO 8601): ignored");
  }
  const auto status = text_of(document, "overall_status");
  const auto overall = overall_status_from_string(status);
  s.overall = overall ? *overall : core::conclude(s);
  if (!overall && !status.empty())
    result.warnings.push_back(file.string() + ": overall_status \"" + status
                              + "\" is unknown: taken from the phases");
  const auto metadata = document.find("metadata");
  if (!result.ours || metadata == document.end() || !metadata->is_object())
    return;
  s.started_by = text_of(*metadata, "started_by");
  result.plan_hash = text_of(*metadata, "plan_hash");
  result.chain_head = text_of(*metadata, "chain_head");
  if (auto seq = metadata->find("last_seq"); seq != metadata->end() && seq->is_number_unsigned())
    result.last_seq = seq->get<std::uint64_t>();
}

bool has_checksum(const json& document) {
  const auto metadata = document.find("metadata");
  return metadata != document.end() && metadata->is_object() && metadata->contains("checksum");
}

// "parse error at line 3, column 7: ..." without the library's own numbers.
std::string readable(const std::string& what) {
  const auto end = what.find("] ");
  return what.starts_with('[') && end != what.npos ? what.substr(end + 2) : what;
}

} // namespace

caf::expected<std::optional<imported_state>> read_state_file(const std::filesystem::path& file,
                                                             const plan& p) {
  const open_file in(std::fopen(file.c_str(), "rbe"));
  if (!in) {
    if (errno == ENOENT)
      return std::optional<imported_state>{};
    return file_error("read", file, errno);
  }
  const auto sealed = check_seal(in.get());
  if (std::ferror(in.get()) != 0)
    return file_error("read", file, EIO);
  std::rewind(in.get());
  std::optional<imported_state> result(std::in_place);
  result->ours = sealed == seal::whole;
  result->state.phases.resize(p.phases.size());
  phase_collector collector(file, p, *result);
  try {
    const auto document = json::parse(in.get(), std::ref(collector));
    if (!collector.problem().empty())
      return damaged_file(file, collector.problem());
    if (!document.is_object() || !document.contains("phases") || !document["phases"].is_object())
      return damaged_file(file, "it has no object \"phases\"");
    if (sealed == seal::broken || (sealed == seal::none && has_checksum(document)))
      return damaged_file(file, "its contents do not match its checksum: it was edited or cut",
                          " (if it was edited on purpose, remove \"checksum\" from \"metadata\")");
    std::sort(result->found.begin(), result->found.end());
    read_rest(document, file, *result);
  } catch (const json::exception& e) {
    return damaged_file(file, readable(e.what()));
  }
  return result;
}

} // namespace aeo::io
