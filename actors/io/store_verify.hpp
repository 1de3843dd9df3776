#pragma once

// Reading the events back and checking their chain. A part of the store: everybody else includes
// actors/io/store.hpp.

#include "actors/io/event_chain.hpp"
#include "actors/io/store.hpp"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <stdexcept>

namespace aeo::io {

/// What is stored contradicts itself. Never leaves the store.
class damage : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Number and hash of the newest event.
struct chain_tip {
  std::uint64_t seq = 0;
  row_hash head{};
};

/// A column that holds a hash; throws damage when it does not.
row_hash hash_of_column(const SQLite::Column&);

/// Runs "SELECT seq, head FROM chain". Throws damage or SQLite::Exception, like all below.
chain_tip take_tip(SQLite::Statement&);

/// See event_store::read. Every row is checked against the row before it, the last one against the
/// chain's tip.
caf::error read_events(SQLite::Database&, const std::filesystem::path& file,
                       const std::string& execution, std::uint64_t first_seq,
                       const std::function<bool(event&&)>& each);

/// See event_store::verify: the first row that does not fit, and how.
std::optional<chain_fault> find_fault(SQLite::Database&);

} // namespace aeo::io
