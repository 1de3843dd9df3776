#pragma once

// phase_config.json and success_criteria.json: streamed, then the dependencies resolved by index.

#include "config/json_stream.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::config {

using symbol = std::uint32_t;
constexpr symbol no_symbol = 0xffff'ffff;
constexpr phase_index no_phase = 0xffff'ffff;

/// Numbers texts in the order of their first appearance; about 20 bytes each beside the text, where
/// a map of strings takes 100.
class symbol_table {
public:
  symbol intern(std::string_view text);
  symbol find(std::string_view text) const; ///< no_symbol: never seen.
  std::string_view text(symbol x) const;
  std::size_t size() const { return begins_.size(); }

private:
  std::size_t slot_of(std::string_view text) const;
  void grow();

  std::string texts_;
  std::vector<std::uint32_t> begins_; ///< Where the text of each symbol starts in texts_.
  std::vector<symbol> slots_;         ///< Open addressing; a power of two, at most half full.
};

/// The phases while they are read. Until resolve_dependencies(), phase_def::dependencies holds
/// symbols, one per entry in the file (no_symbol: the entry was no id).
struct phase_table {
  std::vector<phase_def> phases;
  symbol_table ids;                  ///< Of phases and of what they depend on.
  std::vector<phase_index> phase_of; ///< By symbol; no_phase: not defined (yet).
  bool complete = false;             ///< The whole file was read: absent ids are really absent.

  phase_index find(std::string_view id) const;
};

/// Streams phase_config.json; `defaults` fills what a phase's `retry` leaves out.
void read_phases(const std::filesystem::path&, document&, const retry_policy& defaults,
                 phase_table&);

/// Sorts the phases naturally, replaces symbols by indexes and reports dangling, doubled and self
/// dependencies and every group of phases that depend on each other, as the path of one cycle.
/// Does nothing for a file that was not read to its end.
void resolve_dependencies(phase_table&, document&);

/// Streams success_criteria.json into the phases.
void read_criteria(const std::filesystem::path&, document&, phase_table&);

/// One shortest cycle per group of nodes that reach each other, without self edges: for 3 → 5 → 3,
/// {3, 5}. Iterative; linear in edges but for the cycles found. `edges[i]` are the targets of i.
std::vector<std::vector<std::uint32_t>>
find_cycles(const std::vector<const std::vector<std::uint32_t>*>& edges);

} // namespace aeo::config
