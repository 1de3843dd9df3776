#include "tools/consolidate/execution_record.hpp"

#include "tools/consolidate/failure.hpp"

#include <cstdlib>
#include <fstream>

namespace aeo::consolidate {

namespace {

ordered member(const ordered& object, const char* key, ordered otherwise) {
  if (object.is_object() && object.contains(key) && !object.at(key).is_null())
    return object.at(key);
  return otherwise;
}

std::string text_of(const ordered& object, const char* key) {
  const auto value = member(object, key, "");
  return value.is_string() ? value.get<std::string>() : value.dump();
}

phase_record read_phase(const std::string& id, const ordered& phase) {
  phase_record out;
  out.id = id;
  out.status = text_of(phase, "status");
  out.completed_at = text_of(phase, "completed_at");
  out.outputs = member(phase, "outputs", ordered::array());
  out.errors = member(phase, "errors", ordered::array());
  const auto own = member(member(phase, "metadata", ordered::object()), "aeo", ordered::object());
  out.detail = member(own, "detail", ordered::object());
  out.criteria = member(out.detail, "criteria", ordered::array());
  if (!out.outputs.is_array() || !out.criteria.is_array())
    throw failure(exit_status::bad_data,
                  "phase " + id + " has outputs or criteria that are no list");
  return out;
}

} // namespace

std::string phase_record::by() const {
  return text_of(detail, "by");
}

bool phase_record::waived() const {
  const auto overridden = member(detail, "override", false);
  return status == "skipped" || overridden == true;
}

execution_record read_execution(const step_context& context, const std::string& own_phase) {
  const auto file = context.consolidation() + "/execution_state.json";
  std::ifstream in(file, std::ios::binary);
  if (!in)
    throw failure(exit_status::no_input,
                  file
                      + ": is missing: what was approved is known from it alone (run this phase "
                        "with aeo-node)");
  execution_record out;
  try {
    const auto document = ordered::parse(in);
    out.execution_id = text_of(document, "execution_id");
    out.started_at = text_of(document, "started_at");
    for (const auto& [id, phase] : document.at("phases").items()) {
      if (id != own_phase)
        out.phases.push_back(read_phase(id, phase));
    }
  } catch (const ordered::exception& error) {
    throw failure(exit_status::bad_data, file + ": " + error.what() + " (see aeo-node --resume)");
  }
  return out;
}

std::string running_phase(const std::string& otherwise) {
  const char* phase = std::getenv("AEO_PHASE");
  return phase != nullptr && *phase != '\0' ? phase : otherwise;
}

} // namespace aeo::consolidate
