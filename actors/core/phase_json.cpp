#include "actors/core/phase_json.hpp"

#include "actors/core/lenient_json.hpp"
#include "actors/core/timestamp.hpp"
#include "config/json_text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace aeo::core {

namespace {

using nlohmann::ordered_json;

void append_time_or_null(std::string& out, std::int64_t time_us) {
  if (time_us == 0) {
    out += "null";
    return;
  }
  out += '"';
  append_time(out, time_us);
  out += '"';
}

// JSON text of ours goes in as it is; what is not JSON, as a string.
void append_raw(std::string& out, const std::string& text) {
  if (ordered_json::accept(text))
    out += text;
  else
    config::append_json_string(out, text);
}

bool has_ended(phase_status x) {
  return is_open(x) || x == phase_status::failed || x == phase_status::rejected
         || x == phase_status::cancelled || x == phase_status::completed
         || x == phase_status::waiting_approval;
}

void append_errors(std::string& out, const std::vector<phase_error>& errors) {
  out += '[';
  for (const auto& e : errors) {
    out += &e == errors.data() ? "{\"message\":" : ",{\"message\":";
    config::append_json_string(out, e.message);
    out += ",\"timestamp\":";
    append_time_or_null(out, e.time_us);
    out += ",\"class\":";
    config::append_json_string(out, e.cls);
    out += ",\"task\":";
    config::append_json_string(out, e.task);
    out += ",\"attempt\":" + std::to_string(e.attempt) + '}';
  }
  out += ']';
}

void append_number(std::string& out, const char* key, std::int64_t value) {
  if (value != 0)
    out.append(",\"").append(key).append("\":").append(std::to_string(value));
}

void append_metadata(std::string& out, const phase_state& p) {
  out += '{';
  // "{}" and what is not an object have nothing to add.
  if (p.metadata.starts_with("{\"") && ordered_json::accept(p.metadata)) {
    out.append(p.metadata, 1, p.metadata.rfind('}') - 1);
    out += ',';
  }
  out += "\"aeo\":{\"attempt\":" + std::to_string(p.attempt);
  append_number(out, "attempt_us", p.attempt_us);
  append_number(out, "ended_us", p.ended_us);
  append_number(out, "earlier_errors", p.earlier_errors);
  append_number(out, "retry_at_us", p.retry_at_us);
  if (!p.done.empty()) {
    out += ",\"done\":[";
    for (const auto& task : p.done) {
      if (&task != p.done.data())
        out += ',';
      config::append_json_string(out, task);
    }
    out += ']';
  }
  if (!p.before.empty()) {
    out += ",\"before\":";
    append_raw(out, p.before);
  }
  if (!p.detail.empty()) {
    out += ",\"detail\":";
    append_raw(out, p.detail);
  }
  out += "}}";
}

// -- reading
// ---------------------------------------------------------------------------------------

// A foreign phase has none of our own members.
class phase_reader {
public:
  explicit phase_reader(const ordered_json& object) : in_(object) {}

  imported_phase read() {
    if (!in_.is_object())
      return problem("a phase must be an object, but is " + std::string(in_.type_name()));
    const auto* status = find(in_, "status");
    const auto named = status && status->is_string() ? named_status(*status) : std::nullopt;
    if (!named)
      return problem("\"status\" is " + (status ? shortened(*status) : std::string("missing"))
                     + "; expected pending, in_progress, completed, waiting_approval, approved, "
                       "rejected, retry_wait, failed, blocked, skipped or cancelled");
    p_.started_us = time("started_at");
    p_.ended_us = time("completed_at");
    p_.criteria_met = is_true("approval_criteria_met");
    p_.retry_count = count(in_, "retry_count");
    read_errors();
    read_metadata();
    if (own_)
      p_.status = *named;
    else
      read_foreign(*named);
    result_.state = std::move(p_);
    return std::move(result_);
  }

private:
  static const ordered_json* find(const ordered_json& object, const char* key) {
    auto i = object.find(key);
    return i == object.end() || i->is_null() ? nullptr : &*i;
  }

  static std::string shortened(const ordered_json& value) {
    auto text = lenient::dump(value);
    if (text.size() > 60)
      text = text.substr(0, 60) + "...";
    return text;
  }

  static std::optional<phase_status> named_status(const ordered_json& value) {
    auto text = value.get<std::string>();
    for (auto& c : text)
      if (c >= 'A' && c <= 'Z')
        c = static_cast<char>(c - 'A' + 'a');
    return phase_status_from_string(text);
  }

  static std::string text(const ordered_json& object, std::initializer_list<const char*> keys) {
    for (const auto* key : keys)
      if (const auto* value = find(object, key))
        return value->is_string() ? value->get<std::string>() : shortened(*value);
    return {};
  }

  static std::string as_text(const ordered_json& value) {
    if (value.is_string())
      return value.get<std::string>();
    return lenient::dump(value);
  }

  imported_phase problem(std::string what) {
    result_.problem = std::move(what);
    return std::move(result_);
  }

  void warn(std::string what) { result_.warnings.push_back(std::move(what)); }

  bool is_true(const char* key) {
    const auto* value = find(in_, key);
    if (value && !value->is_boolean())
      warn('"' + std::string(key) + "\" is " + shortened(*value) + ", not true or false: ignored");
    return value && value->is_boolean() && value->get<bool>();
  }

  std::uint32_t count(const ordered_json& object, const char* key) {
    const auto* value = find(object, key);
    if (!value)
      return 0;
    if (value->is_number_unsigned()
        && value->get<std::uint64_t>() <= std::numeric_limits<std::uint32_t>::max())
      return value->get<std::uint32_t>();
    warn('"' + std::string(key) + "\" is " + shortened(*value) + ", not a count: taken as 0");
    return 0;
  }

  static std::int64_t integer(const ordered_json& object, const char* key) {
    const auto* value = find(object, key);
    return value && value->is_number_integer() ? value->get<std::int64_t>() : 0;
  }

  std::int64_t time_of(const ordered_json& value, const std::string& key) {
    if (value.is_string())
      if (const auto parsed = parse_time(value.get_ref<const std::string&>()))
        return *parsed;
    if (value.is_number()) { // Seconds since the epoch.
      const auto seconds = value.get<double>();
      if (std::isfinite(seconds) && std::abs(seconds) < 1e11)
        return std::llround(seconds * 1e6);
    }
    warn('"' + key + "\" is " + shortened(value) + ", not a time (ISO 8601): ignored");
    return 0;
  }

  std::int64_t time(const char* key) {
    const auto* value = find(in_, key);
    return value ? time_of(*value, key) : 0;
  }

  void read_errors() {
    const auto* errors = find(in_, "errors");
    if (!errors)
      return;
    if (!errors->is_array()) {
      warn("\"errors\" is " + shortened(*errors) + ", not a list: ignored");
      return;
    }
    for (const auto& one : *errors) {
      auto& error = p_.errors.emplace_back();
      if (!one.is_object()) {
        error.message = as_text(one);
        continue;
      }
      error.message = text(one, {"message", "error", "msg"});
      error.cls = text(one, {"class", "error_class", "type"});
      error.task = text(one, {"task", "task_id"});
      error.attempt = count(one, "attempt");
      for (const auto* key : {"timestamp", "time"})
        if (const auto* when = find(one, key); when && error.time_us == 0)
          error.time_us = time_of(*when, key);
    }
  }

  void read_metadata() {
    const auto* metadata = find(in_, "metadata");
    if (!metadata)
      return;
    if (!metadata->is_object()) {
      p_.metadata = lenient::dump(ordered_json{{"metadata", *metadata}});
      return;
    }
    auto rest = *metadata;
    rest.erase("aeo");
    if (!rest.empty())
      p_.metadata = as_text(rest);
    if (const auto* ours = find(*metadata, "aeo"); ours && ours->is_object())
      read_own(*ours);
  }

  void read_own(const ordered_json& ours) {
    own_ = true;
    p_.attempt = count(ours, "attempt");
    p_.attempt_us = integer(ours, "attempt_us");
    p_.ended_us = integer(ours, "ended_us");
    p_.earlier_errors = count(ours, "earlier_errors");
    p_.retry_at_us = integer(ours, "retry_at_us");
    if (const auto* done = find(ours, "done"); done && done->is_array())
      for (const auto& task : *done)
        p_.done.push_back(as_text(task));
    if (const auto* before = find(ours, "before"))
      p_.before = as_text(*before);
    if (const auto* detail = find(ours, "detail"))
      p_.detail = as_text(*detail);
  }

  void read_foreign(phase_status there) {
    p_.attempt = p_.retry_count + (p_.started_us != 0 ? 1 : 0);
    p_.attempt_us = p_.started_us;
    p_.status = foreign_status(there);
    if (p_.status == phase_status::pending)
      p_.ended_us = 0;
    if (p_.status != phase_status::approved)
      p_.criteria_met = false;
    ordered_json detail = {{"imported", true}, {"status_there", to_string(there)}};
    if (const auto* outputs = find(in_, "outputs"); outputs && !outputs->empty())
      detail["outputs"] = *outputs;
    p_.detail = as_text(detail);
  }

  phase_status foreign_status(phase_status there) {
    using enum phase_status;
    const auto* flag = find(in_, "approved");
    const bool yes = is_true("approved");
    const bool no = flag && !yes;
    const std::string name{to_string(there)};
    if ((there == approved && !no) || (there == completed && yes))
      return approved;
    switch (there) {
    case approved:
      warn("status is approved, but \"approved\" is not true: it runs again");
      return pending;
    case completed:
    case waiting_approval:
      warn("was " + name
           + " but not approved, and whether its outputs are fresh cannot be known: "
             "it runs again");
      return pending;
    case in_progress:
    case retry_wait:
    case blocked:
      warn("was " + name + " with the other tool: it runs again when its dependencies allow");
      return pending;
    default:
      if (yes)
        warn("\"approved\" is true, but the status is " + name + ": it stays " + name);
      return there;
    }
  }

  const ordered_json& in_;
  phase_state p_;
  bool own_ = false;
  imported_phase result_;
};

} // namespace

void append_json(std::string& out, const phase_state& p) {
  out.append("{\"status\":\"").append(to_string(p.status)).append("\",\"started_at\":");
  append_time_or_null(out, p.started_us);
  out += ",\"completed_at\":";
  append_time_or_null(out, has_ended(p.status) ? p.ended_us : 0);
  out += p.status == phase_status::approved ? ",\"approved\":true" : ",\"approved\":false";
  out += p.criteria_met ? ",\"approval_criteria_met\":true" : ",\"approval_criteria_met\":false";
  const auto outputs = raw_member(p.detail, "outputs");
  const bool fit = !outputs.empty() && ordered_json::accept(outputs);
  out.append(",\"outputs\":").append(fit ? outputs : "[]").append(",\"errors\":");
  append_errors(out, p.errors);
  out += ",\"retry_count\":" + std::to_string(p.retry_count) + ",\"metadata\":";
  append_metadata(out, p);
  out += '}';
}

imported_phase phase_from_json(const ordered_json& object) {
  return phase_reader(object).read();
}

imported_phase parse_phase(std::string_view text) {
  const auto object = ordered_json::parse(text, nullptr, false);
  if (object.is_discarded())
    return {std::nullopt, "is not JSON", {}};
  return phase_from_json(object);
}

std::string_view raw_member(std::string_view object, std::string_view key) {
  const auto string_end = [&object](std::size_t i) { // i: at the opening quote
    for (++i; i < object.size() && object[i] != '"'; ++i)
      if (object[i] == '\\')
        ++i;
    return i;
  };
  int depth = 0;
  bool wanted = false; // the member's value begins at `begin`
  std::size_t begin = 0;
  for (std::size_t i = 0; i < object.size(); ++i) {
    const char c = object[i];
    if (c == '"') {
      const auto end = string_end(i);
      const auto text = object.substr(i + 1, end - i - 1);
      const auto next = object.find_first_not_of(" \t\r\n", std::min(end + 1, object.size()));
      if (!wanted && depth == 1 && next != object.npos && object[next] == ':' && text == key) {
        wanted = true;
        begin = object.find_first_not_of(" \t\r\n", next + 1);
        i = next;
      } else {
        i = end;
      }
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']' || c == ',') {
      if (wanted && depth == 1)
        return object.substr(begin, object.find_last_not_of(" \t\r\n", i - 1) + 1 - begin);
      if (c != ',')
        --depth;
    }
  }
  return {};
}

} // namespace aeo::core
