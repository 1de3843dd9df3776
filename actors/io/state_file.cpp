#include "actors/io/state_file.hpp"

#include "actors/core/phase_json.hpp"
#include "actors/core/report.hpp"
#include "actors/core/sha256.hpp"
#include "actors/core/timestamp.hpp"
#include "actors/io/files.hpp"
#include "config/json_text.hpp"

#include <nlohmann/json.hpp>

#include <utility>

namespace aeo::io {

namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t pretty_phases = 1000;

std::string as_json(std::string_view text) {
  std::string result;
  config::append_json_string(result, text);
  return result;
}

std::string time_or_null(std::int64_t time_us) {
  return time_us == 0 ? "null" : '"' + core::format_time(time_us) + '"';
}

// The phase that stands for where the execution is.
const phase_def* current_phase(const plan& p, const core::execution_state& s) {
  const phase_def* result = nullptr;
  for (std::size_t i = 0; i < s.phases.size(); ++i)
    if (!is_terminal(s.phases[i].status) && (!result || natural_less(p.phases[i].id, result->id)))
      result = &p.phases[i];
  return result;
}

// Puts a one-line object on several lines, indented below its key.
std::string pretty(const std::string& line) {
  std::string result;
  for (auto c : json::parse(line).dump(2)) {
    result += c;
    if (c == '\n')
      result += "    ";
  }
  return result;
}

// Writes and hashes at the same time.
class hashed_writer {
public:
  explicit hashed_writer(file_replacement& out) : out_(out) {}

  hashed_writer& operator<<(std::string_view text) {
    hash_.update(text);
    out_.write(text);
    return *this;
  }

  std::string hex() { return hash_.hex(); }

private:
  file_replacement& out_;
  core::sha256 hash_;
};

void write_phases(hashed_writer& out, const plan& p, const core::execution_state& s) {
  std::string head;
  std::string line;
  for (std::size_t i = 0; i < s.phases.size(); ++i) {
    line.clear();
    core::append_json(line, s.phases[i]);
    head = i == 0 ? "\n    " : ",\n    ";
    config::append_json_string(head, p.phases[i].id);
    head += ": ";
    out << head << (s.phases.size() <= pretty_phases ? pretty(line) : line);
  }
}

} // namespace

caf::error write_state_file(const std::filesystem::path& file, const plan& p,
                            const core::execution_state& s) {
  auto replacement = file_replacement::open(file, 0600);
  if (!replacement)
    return std::move(replacement.error());
  hashed_writer out(*replacement);
  const auto* current = current_phase(p, s);
  out << "{\n  \"execution_id\": " << as_json(s.id)
      << ",\n  \"started_at\": " << time_or_null(s.started_us)
      << ",\n  \"last_updated\": " << time_or_null(s.updated_us)
      << ",\n  \"current_phase\": " << (current ? as_json(current->id) : "null")
      << ",\n  \"overall_status\": "
      << as_json(to_string(core::called(s.overall, core::count_phases(s)))) << ",\n  \"phases\": {";
  write_phases(out, p, s);
  out << "\n  },\n  \"metadata\": {\n    \"started_by\": " << as_json(s.started_by)
      << ",\n    \"plan_hash\": " << as_json(p.hash)
      << ",\n    \"last_seq\": " << std::to_string(s.last_seq)
      << ",\n    \"chain_head\": " << as_json(s.chain_head) << ",\n    ";
  const auto checksum = out.hex();
  replacement->write("\"checksum\": \"" + checksum + "\"\n  }\n}\n");
  return replacement->commit();
}

std::vector<event> import_events(const imported_state& imported, const plan& p,
                                 std::int64_t time_us) {
  std::vector<event> result;
  for (auto index : imported.found) {
    auto& e = result.emplace_back();
    e.time_us = time_us;
    e.kind = event_kind::state_imported;
    e.phase = p.phases[index].id;
    e.attempt = imported.state.phases[index].attempt;
    core::append_json(e.data, imported.state.phases[index]);
  }
  return result;
}

} // namespace aeo::io
