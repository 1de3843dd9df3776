// `--json`: one event per line, for programs.

#include "actors/core/lenient_json.hpp"
#include "tools/node/console_text.hpp"

#include <spdlog/fmt/fmt.h>

namespace aeo::node {

namespace {

using json = nlohmann::ordered_json;

/// With microseconds: events of the same second keep their order by time too.
std::string precise_time(std::int64_t us) {
  auto text = core::short_time(us);
  if (!text.empty())
    text.insert(text.size() - 1, fmt::format(".{:06}", us % 1'000'000));
  return text;
}

json frame(std::uint64_t seq, std::int64_t time_us, std::string_view name, json data) {
  json x{{"seq", seq}, {"time", precise_time(time_us)}, {"event", name}};
  x["phase"] = nullptr;
  x["task"] = nullptr;
  x["attempt"] = 0;
  x["data"] = std::move(data);
  return x;
}

std::string masked_line(json x, const core::mask_function& mask) {
  core::lenient::mask_strings(x, mask);
  return core::lenient::dump(x) + "\n";
}

} // namespace

std::string json_line(const event& e, const core::mask_function& mask) {
  // Without secrets a valid text on one line is passed on as it is.
  auto as_is = !mask && e.data.starts_with('{') && e.data.find('\n') == std::string::npos
               && json::accept(e.data);
  auto x = frame(e.seq, e.time_us, to_string(e.kind),
                 as_is ? json::object() : core::lenient::object(e.data));
  if (!e.phase.empty())
    x["phase"] = e.phase;
  if (!e.task.empty())
    x["task"] = e.task;
  x["attempt"] = e.attempt;
  if (as_is) {
    auto text = core::lenient::dump(x); // Ends with "data":{}}.
    return text.replace(text.size() - 3, 2, e.data) + "\n";
  }
  return masked_line(std::move(x), mask);
}

std::string json_message(std::int64_t time_us, std::string_view text,
                         const core::mask_function& mask) {
  return masked_line(frame(0, time_us, "message", {{"text", text}}), mask);
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
  return masked_line(frame(in.state.last_seq, in.now_us, "outcome", std::move(data)), in.mask);
}

} // namespace aeo::node
