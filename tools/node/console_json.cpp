// `--json`: one event per line, for programs.

#include "actors/core/event_json.hpp"
#include "tools/node/console_text.hpp"

namespace aeo::node {

using json = nlohmann::ordered_json;

std::string json_message(std::int64_t time_us, std::string_view text,
                         const core::mask_function& mask) {
  return core::json_line(core::event_frame(0, time_us, "message", {{"text", text}}), mask);
}

std::string json_outcome(const core::report_input& in, std::string_view report_file) {
  auto counts = core::count_phases(in.state);
  auto steps = json::array();
  for (const auto& s : core::next_steps(in))
    steps.push_back({{"text", s.text}, {"command", s.command}});
  json data{{"status", to_string(in.state.overall)}, {"exit_code", in.exit_code}};
  data["execution_id"] = in.state.id;
  data["summary"] = core::outcome_sentence(in);
  data["done"] = counts.done();
  data["total"] = counts.total;
  data["report"] = report_file.empty() ? json() : json(report_file);
  data["chain_head"] = in.chain_head;
  data["next_steps"] = std::move(steps);
  return core::json_line(
      core::event_frame(in.state.last_seq, in.now_us, "outcome", std::move(data)), in.mask);
}

} // namespace aeo::node
