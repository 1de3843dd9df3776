#include "config/phases.hpp"
#include "config/values.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <numeric>

namespace aeo::config {

// -- symbol_table ---------------------------------------------------------------------------------

std::string_view symbol_table::text(symbol x) const {
  auto begin = begins_[x];
  auto end = x + 1 < begins_.size() ? begins_[x + 1] : texts_.size();
  return std::string_view{texts_}.substr(begin, end - begin);
}

std::size_t symbol_table::slot_of(std::string_view text) const {
  auto mask = slots_.size() - 1;
  auto slot = std::hash<std::string_view>{}(text)&mask;
  while (slots_[slot] != no_symbol && this->text(slots_[slot]) != text)
    slot = (slot + 1) & mask;
  return slot;
}

void symbol_table::grow() {
  slots_.assign(std::max<std::size_t>(64, slots_.size() * 2), no_symbol);
  for (symbol x = 0; x < begins_.size(); ++x)
    slots_[slot_of(text(x))] = x;
}

symbol symbol_table::find(std::string_view text) const {
  return slots_.empty() ? no_symbol : slots_[slot_of(text)];
}

symbol symbol_table::intern(std::string_view text) {
  if (begins_.size() * 2 >= slots_.size())
    grow();
  auto& slot = slots_[slot_of(text)];
  if (slot == no_symbol) {
    slot = static_cast<symbol>(begins_.size());
    begins_.push_back(static_cast<std::uint32_t>(texts_.size()));
    texts_ += text;
  }
  return slot;
}

// -- cycles ---------------------------------------------------------------------------------------

namespace {

using index_list = std::vector<std::uint32_t>;
using edge_lists = std::vector<const index_list*>;

/// Whether nodes remain when all without open targets are taken away again and again.
bool has_cycle(const edge_lists& edges) {
  auto count = edges.size();
  index_list first(count + 1, 0); // sources by target, as one array with offsets
  for (std::size_t i = 0; i < count; ++i)
    for (auto target : *edges[i])
      ++first[target + 1];
  std::partial_sum(first.begin(), first.end(), first.begin());
  index_list sources(first.back());
  index_list open(count);
  auto fill = first;
  index_list ready;
  for (std::uint32_t i = 0; i < count; ++i) {
    open[i] = static_cast<std::uint32_t>(edges[i]->size());
    for (auto target : *edges[i])
      sources[fill[target]++] = i;
    if (open[i] == 0)
      ready.push_back(i);
  }
  std::size_t taken = 0;
  for (; taken < ready.size(); ++taken) {
    auto target = ready[taken];
    for (auto i = first[target]; i < first[target + 1]; ++i)
      if (--open[sources[i]] == 0)
        ready.push_back(sources[i]);
  }
  return taken < count;
}

/// Tarjan's strongly connected components without recursion; the group's number of each node.
class groups {
public:
  explicit groups(const edge_lists& edges)
      : edges_(edges), number_(edges.size(), 0), low_(edges.size(), 0), group_(edges.size(), open) {
    for (std::uint32_t i = 0; i < edges.size(); ++i)
      if (number_[i] == 0)
        visit(i);
  }
  std::uint32_t of(std::uint32_t i) const { return group_[i]; }

private:
  static constexpr std::uint32_t open = 0xffff'ffff;
  struct step {
    std::uint32_t at;
    std::size_t next;
  };

  void enter(std::uint32_t i) {
    number_[i] = low_[i] = ++counter_;
    path_.push_back(i);
    steps_.push_back({i, 0});
  }

  void visit(std::uint32_t root) {
    enter(root);
    while (!steps_.empty()) {
      auto at = steps_.back().at;
      if (steps_.back().next < edges_[at]->size()) {
        auto target = (*edges_[at])[steps_.back().next++];
        if (number_[target] == 0)
          enter(target);
        else if (group_[target] == open)
          low_[at] = std::min(low_[at], number_[target]);
        continue;
      }
      leave(at);
    }
  }

  void leave(std::uint32_t at) {
    steps_.pop_back();
    if (!steps_.empty())
      low_[steps_.back().at] = std::min(low_[steps_.back().at], low_[at]);
    if (low_[at] != number_[at])
      return;
    for (auto member = open; member != at; path_.pop_back()) {
      member = path_.back();
      group_[member] = count_;
    }
    ++count_;
  }

  const edge_lists& edges_;
  index_list number_;
  index_list low_;
  index_list group_;
  index_list path_;
  std::vector<step> steps_;
  std::uint32_t counter_ = 0;
  std::uint32_t count_ = 0;
};

/// The shortest way from `start` back to itself inside its group; breadth first.
index_list shortest_cycle(std::uint32_t start, const edge_lists& edges, const groups& group,
                          index_list& came_from) {
  constexpr std::uint32_t unseen = 0xffff'ffff;
  std::deque<std::uint32_t> queue{start};
  while (!queue.empty()) {
    auto at = queue.front();
    queue.pop_front();
    for (auto target : *edges[at]) {
      if (target == start) {
        index_list cycle;
        for (; at != start; at = came_from[at])
          cycle.push_back(at);
        cycle.push_back(start);
        std::reverse(cycle.begin(), cycle.end());
        return cycle;
      }
      if (group.of(target) != group.of(start) || came_from[target] != unseen)
        continue;
      came_from[target] = at;
      queue.push_back(target);
    }
  }
  return {};
}

} // namespace

std::vector<std::vector<std::uint32_t>>
find_cycles(const std::vector<const std::vector<std::uint32_t>*>& edges) {
  std::vector<index_list> result;
  if (!has_cycle(edges))
    return result;
  groups group{edges};
  std::vector<bool> done(edges.size(), false); // by group
  index_list came_from(edges.size(), 0xffff'ffff);
  for (std::uint32_t i = 0; i < edges.size(); ++i) {
    if (done[group.of(i)])
      continue;
    done[group.of(i)] = true;
    auto cycle = shortest_cycle(i, edges, group, came_from);
    if (!cycle.empty())
      result.push_back(std::move(cycle));
  }
  return result;
}

// -- the phases' dependencies ---------------------------------------------------------------------

namespace {

void sort_phases(phase_table& table) {
  auto& phases = table.phases;
  auto less = [](const phase_def& a, const phase_def& b) { return natural_less(a.id, b.id); };
  if (std::is_sorted(phases.begin(), phases.end(), less))
    return;
  std::sort(phases.begin(), phases.end(), less);
  for (phase_index i = 0; i < phases.size(); ++i)
    table.phase_of[table.ids.find(phases[i].id)] = i;
}

std::string dependency_pointer(const phase_def& phase, std::optional<std::size_t> position = {}) {
  std::string pointer = "/phases";
  append_pointer(pointer, phase.id);
  append_pointer(pointer, "dependencies");
  if (position)
    append_pointer(pointer, std::to_string(*position));
  return pointer;
}

std::string absent_phase(const phase_table& table, std::string_view id) {
  // In a large plan every near id is as good as the next, and looking takes long.
  constexpr std::size_t many = 1'000;
  std::string_view near;
  if (table.phases.size() <= many) {
    std::vector<std::string_view> known;
    for (const auto& phase : table.phases)
      known.push_back(phase.id);
    near = id.size() < 3 ? std::string_view{} : nearest(id, known);
  }
  return "there is no phase " + in_quotes(id)
         + (near.empty() ? "" : "; did you mean " + in_quotes(near) + "?");
}

/// Replaces the symbols of one phase; `seen` remembers, by phase, who asked for it last.
void resolve(phase_table& table, phase_index self, document& doc, index_list& seen) {
  auto& phase = table.phases[self];
  std::size_t kept = 0;
  for (std::size_t i = 0; i < phase.dependencies.size(); ++i) {
    auto id = phase.dependencies[i];
    if (id == no_symbol)
      continue;
    auto target = id < table.phase_of.size() ? table.phase_of[id] : no_phase;
    if (target == no_phase)
      doc.fail(dependency_pointer(phase, i), absent_phase(table, table.ids.text(id)));
    else if (target == self)
      doc.fail(dependency_pointer(phase, i), "the phase depends on itself");
    else if (seen[target] == self)
      doc.fail(dependency_pointer(phase, i), in_quotes(table.ids.text(id)) + " is listed twice");
    else
      phase.dependencies[kept++] = target;
    if (target != no_phase)
      seen[target] = self;
  }
  phase.dependencies.resize(kept);
  std::sort(phase.dependencies.begin(), phase.dependencies.end());
}

} // namespace

void resolve_dependencies(phase_table& table, document& doc) {
  if (!table.complete)
    return;
  sort_phases(table);
  index_list seen(table.phases.size(), no_phase);
  for (phase_index i = 0; i < table.phases.size(); ++i)
    resolve(table, i, doc, seen);
  edge_lists edges;
  edges.reserve(table.phases.size());
  for (const auto& phase : table.phases)
    edges.push_back(&phase.dependencies);
  for (const auto& cycle : find_cycles(edges)) {
    std::string path;
    for (auto i : cycle)
      path += table.phases[i].id + " → ";
    path += table.phases[cycle.front()].id;
    doc.fail(dependency_pointer(table.phases[cycle.front()]),
             "the phases wait for each other: " + path + " (each depends on the next)");
  }
}

} // namespace aeo::config
