#include "actors/core/event_json.hpp"

#include "actors/core/lenient_json.hpp"
#include "actors/core/timestamp.hpp"

namespace aeo::core {

nlohmann::ordered_json event_frame(std::uint64_t seq, std::int64_t time_us, std::string_view name,
                                   nlohmann::ordered_json data) {
  // With microseconds: events of the same second keep their order by time too.
  const auto time = time_us == 0 ? std::string{} : format_time(time_us);
  nlohmann::ordered_json x{{"seq", seq}, {"time", time}, {"event", name}};
  x["phase"] = nullptr;
  x["task"] = nullptr;
  x["attempt"] = 0;
  x["data"] = std::move(data);
  return x;
}

std::string json_line(nlohmann::ordered_json frame, const mask_function& mask) {
  lenient::mask_strings(frame, mask);
  return lenient::dump(frame) + "\n";
}

std::string json_line(const event& e, const mask_function& mask) {
  // Without secrets a valid text on one line is passed on as it is.
  auto as_is = !mask && e.data.starts_with('{') && e.data.find('\n') == std::string::npos
               && nlohmann::ordered_json::accept(e.data);
  auto x = event_frame(e.seq, e.time_us, to_string(e.kind),
                       as_is ? nlohmann::ordered_json::object() : lenient::object(e.data));
  if (!e.phase.empty())
    x["phase"] = e.phase;
  if (!e.task.empty())
    x["task"] = e.task;
  x["attempt"] = e.attempt;
  if (as_is) {
    auto text = lenient::dump(x); // Ends with "data":{}}.
    return text.replace(text.size() - 3, 2, e.data) + "\n";
  }
  return json_line(std::move(x), mask);
}

} // namespace aeo::core
