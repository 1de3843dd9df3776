#include "actors/io/outbox.hpp"

#include "actors/io/database.hpp"
#include "actors/io/store_verify.hpp"
#include "messages/type_ids.hpp"

#include <SQLiteCpp/Statement.h>

#include <utility>

namespace aeo::io {

namespace {

class sqlite_outbox : public outbox {
public:
  sqlite_outbox(std::filesystem::path file, std::unique_ptr<SQLite::Database> db)
      : file_(std::move(file)), db_(std::move(db)) {
    // The log's own connection syncs and does the checkpoints: no event ever waits for this one.
    db_->exec("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0");
  }

  caf::expected<std::optional<delivery>> get(const std::string& execution) override {
    std::optional<delivery> result;
    auto err = guarded("read what GitHub has from", [&]() -> caf::error {
      SQLite::Statement select(*db_, "SELECT repository, issue, delivered, closed, settled,"
                                     " not_before_us"
                                     " FROM github g JOIN executions x ON x.n = g.execution"
                                     " WHERE x.id = ?");
      select.bindNoCopy(1, execution);
      if (select.executeStep())
        result = {select.getColumn(0).getString(),
                  static_cast<std::uint64_t>(select.getColumn(1).getInt64()),
                  static_cast<std::uint64_t>(select.getColumn(2).getInt64()),
                  select.getColumn(3).getInt() != 0,
                  select.getColumn(4).getInt() != 0,
                  select.getColumn(5).getInt64()};
      return {};
    });
    if (err)
      return err;
    return result;
  }

  caf::error put(const std::string& execution, const delivery& x) override {
    return guarded("note what GitHub has in", [&]() -> caf::error {
      SQLite::Statement insert(*db_, "INSERT OR REPLACE INTO github SELECT n, ?, ?, ?, ?, ?, ?"
                                     " FROM executions WHERE id = ?");
      insert.bindNoCopy(1, x.repository);
      insert.bind(2, static_cast<std::int64_t>(x.issue));
      insert.bind(3, static_cast<std::int64_t>(x.delivered));
      insert.bind(4, x.closed ? 1 : 0);
      insert.bind(5, x.settled ? 1 : 0);
      insert.bind(6, x.not_before_us);
      insert.bindNoCopy(7, execution);
      if (insert.exec() == 0)
        return caf::make_error(ec::not_found, "there is no execution " + execution);
      return {};
    });
  }

  caf::expected<std::vector<execution_row>> unsettled(const std::string& except) override {
    std::vector<execution_row> result;
    auto err = guarded("read executions from", [&]() -> caf::error {
      SQLite::Statement select(*db_, "SELECT id, started_us, plan_hash, plan_text, started_by"
                                     " FROM github g JOIN executions x ON x.n = g.execution"
                                     " WHERE settled = 0 AND x.id <> ? ORDER BY x.n");
      select.bindNoCopy(1, except);
      while (select.executeStep())
        result.push_back({select.getColumn(0).getString(), select.getColumn(1).getInt64(),
                          select.getColumn(2).getString(), select.getColumn(3).getString(),
                          select.getColumn(4).getString()});
      return {};
    });
    if (err)
      return err;
    return result;
  }

  std::pair<std::uint64_t, std::string> chain_tip() override {
    std::pair<std::uint64_t, std::string> result;
    const auto err = guarded("read the head of the chain from", [&]() -> caf::error {
      SQLite::Statement select(*db_, "SELECT seq, head FROM chain WHERE id = 1");
      const auto tip = take_tip(select);
      result = {tip.seq, to_hex(tip.head)};
      return {};
    });
    return err ? std::pair<std::uint64_t, std::string>{} : result;
  }

  caf::error read(const std::string& execution, std::uint64_t first_seq,
                  const std::function<bool(event&&)>& each) override {
    return guarded("read events from",
                   [&] { return read_events(*db_, file_, execution, first_seq, each); });
  }

private:
  template <class Action>
  caf::error guarded(const char* what, Action action) {
    try {
      return action();
    } catch (const damage& e) {
      return damaged(file_, e.what());
    } catch (const SQLite::Exception& e) {
      return database_error(e, what, file_);
    }
  }

  std::filesystem::path file_;
  std::unique_ptr<SQLite::Database> db_;
};

} // namespace

caf::expected<std::unique_ptr<outbox>> open_outbox(const std::filesystem::path& file) {
  auto db = open_database(file, schema_steps());
  if (!db)
    return std::move(db.error());
  try {
    return std::make_unique<sqlite_outbox>(file, std::move(*db));
  } catch (const SQLite::Exception& e) {
    return database_error(e, "open", file);
  }
}

} // namespace aeo::io
