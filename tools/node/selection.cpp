#include "tools/node/selection.hpp"

#include "actors/core/graph.hpp"
#include "messages/type_ids.hpp"

namespace aeo::node {

caf::expected<std::vector<bool>> select_phases(const options& o, const plan& p) {
  std::vector<bool> selected;
  if (o.from.empty() && o.only.empty())
    return selected;
  selected.resize(p.phases.size());
  auto ids = o.only;
  if (!o.from.empty())
    ids.push_back(o.from);
  core::ready_graph graph{p};
  for (const auto& id : ids) {
    auto i = p.find(id);
    if (!i)
      return caf::make_error(ec::bad_configuration,
                             std::string{o.from.empty() ? "--only" : "--from"}
                                 + ": the plan has no phase " + id + "; its phases are "
                                 + p.phases.front().id + " to " + p.phases.back().id);
    selected[*i] = true;
    if (!o.from.empty())
      for (auto dependent : graph.downstream(*i))
        selected[dependent] = true;
  }
  return selected;
}

std::string selection_text(const options& o) {
  if (!o.from.empty())
    return "--from " + o.from;
  std::string text;
  for (const auto& id : o.only)
    text += (text.empty() ? "--only " : ",") + id;
  return text;
}

} // namespace aeo::node
