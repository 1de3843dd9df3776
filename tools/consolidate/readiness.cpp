#include "tools/consolidate/readiness.hpp"

#include "tools/consolidate/output_digest.hpp"
#include "tools/consolidate/paths.hpp"

#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <sstream>

namespace aeo::consolidate {

namespace {

constexpr std::size_t not_measured_listed = 200;
const std::string state_file = "consolidation/execution_state.json";

std::optional<std::string> file_text(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf()))
    return in.good() && text.str().empty() ? std::optional<std::string>("") : std::nullopt;
  return text.str();
}

std::string text_at(const ordered& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end())
    return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string shown_value(const ordered& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

bool within_limits(const readiness_check& rule, const ordered& value) {
  if (!rule.exact.is_null())
    return value == ordered(rule.exact);
  if (!value.is_number())
    return false;
  const auto number = value.get<double>();
  return (!rule.min || number >= *rule.min) && (!rule.max || number <= *rule.max);
}

ordered limits_text(const readiness_check& rule) {
  if (!rule.exact.is_null())
    return ordered(rule.exact);
  std::ostringstream text;
  if (rule.min)
    text << ">= " << *rule.min << (rule.max ? ", " : "");
  if (rule.max)
    text << "<= " << *rule.max;
  return text.str();
}

/// Visits every object of a document with its JSON pointer.
void each_object(const ordered& value, const std::string& pointer,
                 const std::function<void(const ordered&, const std::string&)>& visit) {
  if (value.is_object()) {
    visit(value, pointer);
    for (const auto& [key, item] : value.items()) {
      if (item.is_structured())
        each_object(item, std::string(pointer).append("/").append(key), visit);
    }
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (value[i].is_structured())
        each_object(value[i], pointer + "/" + std::to_string(i), visit);
    }
  }
}

} // namespace

ordered metric_of(const ordered& document, const std::string& metric) {
  const ordered* at = &document;
  const bool is_pointer = metric.starts_with('/');
  for (const auto part :
       split(std::string_view(metric).substr(is_pointer ? 1 : 0), is_pointer ? '/' : '.')) {
    const std::string key(part);
    if (at->is_object() && at->contains(key)) {
      at = &at->at(key);
    } else if (at->is_array() && !key.empty()
               && key.find_first_not_of("0123456789") == std::string::npos && key.size() < 10
               && std::stoul(key) < at->size()) {
      at = &(*at)[std::stoul(key)];
    } else {
      return nullptr;
    }
  }
  return *at;
}

readiness::readiness(const step_context& context, const execution_record& record)
    : context_(context) {
  for (const auto& phase : record.phases)
    judge_phase(phase);
  judge_configured(record);
}

void readiness::add(const std::string& phase, const std::string& check, const std::string& source,
                    const ordered& expected, const ordered& actual, bool passed, bool waived,
                    const ordered& more) {
  const auto* status = passed ? "passed" : waived ? "waived" : "failed";
  ++counts_[status];
  ordered entry{{"phase", phase},       {"check", check},   {"source", source},
                {"expected", expected}, {"actual", actual}, {"status", status}};
  entry.update(more);
  checks_.push_back(std::move(entry));
}

void readiness::judge_phase(const phase_record& phase) {
  ++phases_;
  approved_ += phase.approved() ? 1 : 0;
  ordered more = ordered::object();
  if (phase.waived())
    more = {{"waived_by", phase.by()}, {"reason", text_at(phase.detail, "reason")}};
  // An approval against the criteria is a person's word, not evidence.
  add(phase.id, "is approved", state_file + "#/phases/" + phase.id + "/status", "approved",
      phase.status, phase.approved() && !phase.waived(), phase.waived(), more);
  if (phase.approved() && !phase.waived() && phase.criteria.empty())
    add(phase.id, "was approved for criteria", state_file + "#/phases/" + phase.id, "at least one",
        0, false, false);
  judge_outputs(phase);
  for (const auto& criterion : phase.criteria)
    judge_criterion(phase, criterion);
}

void readiness::judge_outputs(const phase_record& phase) {
  for (const auto& item : phase.outputs) {
    const auto path = text_at(item, "path");
    const auto recorded = text_at(item, "sha256");
    const auto now = output_digest(context_.workspace + "/" + path);
    add(phase.id, "is what was approved", path, recorded,
        now.empty() ? ordered("cannot be read") : ordered(now), now == recorded && !now.empty(),
        phase.waived());
    if (path.ends_with(".json"))
      collect(path);
  }
}

/// `metric_threshold FILE#METRIC`: the number is read again; of other kinds the record counts.
void readiness::judge_criterion(const phase_record& phase, const ordered& criterion) {
  const auto check = text_at(criterion, "check");
  const auto recorded = text_at(criterion, "actual");
  bool passed = criterion.is_object() && criterion.value("passed", false);
  const std::string prefix = "metric_threshold ";
  const auto hash = check.find('#');
  if (!check.starts_with(prefix) || hash == std::string::npos) {
    add(phase.id, check, state_file + "#/phases/" + phase.id, text_at(criterion, "expected"),
        recorded, passed, phase.waived());
    return;
  }
  const auto path = check.substr(prefix.size(), hash - prefix.size());
  const auto metric = check.substr(hash + 1);
  const auto now = shown_value(metric_of(output(path), metric));
  passed = passed && now == recorded;
  add(phase.id, metric, path, text_at(criterion, "expected"), now, passed, phase.waived(),
      {{"metric", metric}, {"recorded", recorded}});
}

void readiness::judge_configured(const execution_record& record) {
  for (const auto& rule : context_.config.readiness) {
    bool waived = false;
    for (const auto& phase : record.phases)
      waived = waived || (phase.id == rule.phase && phase.waived());
    const auto path = "consolidation/" + rule.file;
    const auto value = metric_of(output(path), rule.metric);
    add(rule.phase, rule.title, path, limits_text(rule), value, within_limits(rule, value), waived,
        {{"metric", rule.metric}});
  }
}

const ordered& readiness::output(const std::string& path) {
  const auto known = outputs_.find(path);
  if (known != outputs_.end())
    return known->second;
  const auto text = file_text(context_.workspace + "/" + path);
  auto parsed = text ? ordered::parse(*text, nullptr, false) : ordered(nullptr);
  return outputs_.emplace(path, parsed.is_discarded() ? ordered(nullptr) : std::move(parsed))
      .first->second;
}

namespace {

/// What one output found another one may repeat.
std::string identity_of(const ordered& finding) {
  ordered key = ordered::array();
  for (const auto* name :
       {"severity", "rule", "repository", "path", "line", "commit", "fingerprint", "message"})
    key.push_back(finding.contains(name) ? finding.at(name) : ordered(nullptr));
  if (!finding.contains("rule"))
    key.push_back(finding);
  return key.dump(-1, ' ', false, ordered::error_handler_t::replace);
}

} // namespace

/// What an output says of itself: what it could not measure, and what it found.
void readiness::collect(const std::string& path) {
  std::size_t here = 0;
  each_object(output(path), "", [&](const ordered& value, const std::string& pointer) {
    if (text_at(value, "status") == "not_measured" && ++not_measured_total_ <= not_measured_listed)
      not_measured_.push_back(
          {{"source", path + "#" + pointer}, {"reason", text_at(value, "reason")}});
    const auto severity = severities_.find(text_at(value, "severity"));
    if (severity != severities_.end() && value.contains("path")) {
      severity->second += counted_.insert(identity_of(value)).second ? 1 : 0;
      ++here;
    }
  });
  if (here > 0)
    findings_.push_back({{"file", path}, {"findings", here}});
}

ordered readiness::document() const {
  return {{"ready", failed() == 0 && passed() > 0},
          {"phases_total", phases_},
          {"phases_approved", approved_},
          {"checks_total", checks_.size()},
          {"checks_passed", passed()},
          {"checks_failed", failed()},
          {"checks_waived", waived()},
          {"checks", checks_},
          {"evidence_not_measured_total", not_measured_total_},
          {"evidence_not_measured", not_measured_},
          {"findings_by_severity", severities_},
          {"findings_files", findings_}};
}

} // namespace aeo::consolidate
