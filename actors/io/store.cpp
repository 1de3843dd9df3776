#include "actors/io/store.hpp"

#include "actors/io/database.hpp"
#include "actors/io/event_chain.hpp"
#include "actors/io/store_verify.hpp"
#include "messages/type_ids.hpp"

#include <sqlite3.h>

#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <utility>

namespace aeo::io {

namespace fs = std::filesystem;

namespace {

row_hash digest_of(chain_hasher& hash, const execution_row& row) {
  return hash.of_texts(
      {row.id, std::to_string(row.started_us), row.plan_hash, row.plan_text, row.started_by});
}

// A statement is at rest again after each use, however the use ends.
class use {
public:
  explicit use(SQLite::Statement& statement) : statement_(statement) {}
  ~use() { statement_.tryReset(); }
  use(const use&) = delete;
  use& operator=(const use&) = delete;
  SQLite::Statement* operator->() { return &statement_; }

private:
  SQLite::Statement& statement_;
};

// What every append needs, compiled once.
struct statements {
  explicit statements(SQLite::Database& db)
      : begin(db, "BEGIN IMMEDIATE"), commit(db, "COMMIT"), rollback(db, "ROLLBACK"),
        insert(db, "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"),
        get_tip(db, "SELECT seq, head FROM chain WHERE id = 1"),
        set_tip(db, "UPDATE chain SET seq = ?, head = ? WHERE id = 1"),
        find_execution(db, "SELECT n FROM executions WHERE id = ?") {}

  SQLite::Statement begin;
  SQLite::Statement commit;
  SQLite::Statement rollback;
  SQLite::Statement insert;
  SQLite::Statement get_tip;
  SQLite::Statement set_tip;
  SQLite::Statement find_execution;
};

// Takes back what was written, unless it was committed.
class write_transaction {
public:
  explicit write_transaction(statements& s) : s_(s) { use(s_.begin)->executeStep(); }
  ~write_transaction() {
    // After some errors SQLite has rolled back already; then this fails and that is fine.
    if (!committed_)
      use(s_.rollback)->tryExecuteStep();
  }
  write_transaction(const write_transaction&) = delete;
  write_transaction& operator=(const write_transaction&) = delete;

  void commit() {
    use(s_.commit)->executeStep();
    committed_ = true;
  }

private:
  statements& s_;
  bool committed_ = false;
};

class sqlite_store : public event_store {
public:
  // `check`: readable_database's; empty: it is open for writing.
  sqlite_store(fs::path file, std::unique_ptr<SQLite::Database> db,
               std::function<caf::error()> check)
      : file_(std::move(file)), db_(std::move(db)), check_(std::move(check)), statements_(*db_),
        tip_(stored_tip()) {}

  caf::error append(const std::string& execution, std::vector<event>& batch) override {
    if (batch.empty())
      return {};
    auto err = guarded("store events in", [&]() -> caf::error {
      if (has_moved())
        return caf::make_error(ec::wrong_state,
                               file_.string()
                                   + " was removed or replaced while it was in use: nothing can be "
                                     "stored any more; put it back from a backup and go on with "
                                     "--resume, or begin anew with --fresh");
      write_transaction transaction(statements_);
      // Read anew each time: after a failure, only the database knows where it stands.
      auto tip = stored_tip();
      if (!failed_ && tip.seq != tip_.seq)
        return caf::make_error(ec::wrong_state,
                               "another node has stored events in " + file_.string()
                                   + " (was the lock beside it removed?): the execution is its "
                                     "own now, and nothing more is stored from here");
      const auto n = number_of(execution);
      if (n == 0)
        return caf::make_error(ec::not_found, "there is no execution " + execution);
      for (auto& e : batch) {
        e.seq = tip.seq + 1;
        insert(e, n, tip.head);
        tip = {e.seq, hash_(e, execution, tip.head)};
      }
      store_tip(tip);
      transaction.commit();
      tip_ = tip;
      return {};
    });
    if (err != ec::wrong_state)
      failed_ = !!err;
    if (err)
      for (auto& e : batch)
        e.seq = 0;
    return err;
  }

  caf::error begin_execution(const execution_row& row) override {
    return guarded("store the execution in", [&]() -> caf::error {
      write_transaction transaction(statements_);
      if (number_of(row.id) != 0)
        return caf::make_error(ec::wrong_state, "there is an execution " + row.id + " already");
      SQLite::Statement insert(*db_, "INSERT INTO executions (id, started_us, plan_hash, plan_text,"
                                     " started_by, first_seq, digest) VALUES (?,?,?,?,?,?,?)");
      insert.bindNoCopy(1, row.id);
      insert.bind(2, row.started_us);
      insert.bindNoCopy(3, row.plan_hash);
      insert.bindNoCopy(4, row.plan_text);
      insert.bindNoCopy(5, row.started_by);
      insert.bind(6, static_cast<std::int64_t>(stored_tip().seq + 1));
      const auto digest = digest_of(hash_, row);
      insert.bindNoCopy(7, digest.data(), static_cast<int>(digest.size()));
      insert.exec();
      transaction.commit();
      return {};
    });
  }

  caf::error update_plan(const std::string& execution, const std::string& plan_hash,
                         const std::string& plan_text) override {
    return guarded("store the changed plan in", [&]() -> caf::error {
      write_transaction transaction(statements_);
      auto row = find_row("WHERE id = ?", &execution);
      if (!row)
        return row.error();
      if (!*row)
        return caf::make_error(ec::not_found, "there is no execution " + execution);
      (*row)->plan_hash = plan_hash;
      (*row)->plan_text = plan_text;
      SQLite::Statement update(
          *db_, "UPDATE executions SET plan_hash = ?, plan_text = ?, digest = ? WHERE id = ?");
      const auto digest = digest_of(hash_, **row);
      update.bindNoCopy(1, plan_hash);
      update.bindNoCopy(2, plan_text);
      update.bindNoCopy(3, digest.data(), static_cast<int>(digest.size()));
      update.bindNoCopy(4, execution);
      update.exec();
      transaction.commit();
      return {};
    });
  }

  caf::expected<std::optional<execution_row>> last_execution() override {
    caf::expected<std::optional<execution_row>> result{std::optional<execution_row>{}};
    auto err = guarded("read the newest execution from", [&]() -> caf::error {
      result = find_row("ORDER BY n DESC LIMIT 1", nullptr);
      return {};
    });
    if (err)
      return err;
    return result;
  }

  caf::error read(const std::string& execution, std::uint64_t first_seq,
                  const std::function<bool(event&&)>& each) override {
    return guarded("read events from",
                   [&] { return read_events(*db_, file_, execution, first_seq, each); });
  }

  std::string head() const override { return to_hex(tip_.head); }

  caf::expected<std::optional<chain_fault>> verify() override {
    std::optional<chain_fault> result;
    auto err = guarded("verify", [&]() -> caf::error {
      const auto structure = db_->execAndGet("PRAGMA quick_check(1)").getString();
      if (structure != "ok")
        return damaged(file_, structure);
      result = find_fault(*db_);
      return {};
    });
    if (err)
      return err;
    return result;
  }

private:
  template <class Action>
  caf::error guarded(const char* what, Action action) {
    auto err = attempt(what, action);
    if (check_)
      if (auto changed = check_())
        return changed;
    return err;
  }

  template <class Action>
  caf::error attempt(const char* what, Action action) {
    try {
      return action();
    } catch (const damage& e) {
      return damaged(file_, e.what());
    } catch (const SQLite::Exception& e) {
      if (check_ && (e.getErrorCode() & 0xff) == SQLITE_READONLY)
        return caf::make_error(ec::wrong_state, file_.string() + " was opened for reading only");
      return database_error(e, what, file_);
    }
  }

  // 0: there is none.
  std::int64_t number_of(const std::string& execution) {
    use find(statements_.find_execution);
    find->bindNoCopy(1, execution);
    return find->executeStep() ? find->getColumn(0).getInt64() : 0;
  }

  void insert(const event& e, std::int64_t execution, const row_hash& before) {
    use row(statements_.insert);
    row->bind(1, static_cast<std::int64_t>(e.seq));
    row->bind(2, execution);
    row->bind(3, e.time_us);
    row->bind(4, static_cast<std::int32_t>(e.kind));
    row->bindNoCopy(5, e.phase);
    row->bindNoCopy(6, e.task);
    row->bind(7, e.attempt);
    row->bindNoCopy(8, e.data);
    row->bindNoCopy(9, before.data(), static_cast<int>(before.size()));
    row->executeStep();
  }

  bool has_moved() {
    int moved = 0;
    return sqlite3_file_control(db_->getHandle(), "main", SQLITE_FCNTL_HAS_MOVED, &moved)
               == SQLITE_OK
           && moved != 0;
  }

  chain_tip stored_tip() {
    use select(statements_.get_tip);
    return take_tip(*select.operator->());
  }

  void store_tip(const chain_tip& tip) {
    use update(statements_.set_tip);
    update->bind(1, static_cast<std::int64_t>(tip.seq));
    update->bindNoCopy(2, tip.head.data(), static_cast<int>(tip.head.size()));
    update->executeStep();
  }

  caf::expected<std::optional<execution_row>> find_row(const char* where, const std::string* id) {
    SQLite::Statement select(
        *db_, std::string("SELECT id, started_us, plan_hash, plan_text, started_by, digest"
                          " FROM executions ")
                  + where);
    if (id)
      select.bindNoCopy(1, *id);
    if (!select.executeStep()) {
      if (id == nullptr && db_->execAndGet("SELECT EXISTS(SELECT 1 FROM events)").getInt() != 0)
        return damaged(file_, "the record of its execution is gone, and its events are there");
      return std::optional<execution_row>{};
    }
    execution_row row{select.getColumn(0).getString(), select.getColumn(1).getInt64(),
                      select.getColumn(2).getString(), select.getColumn(3).getString(),
                      select.getColumn(4).getString()};
    if (hash_of_column(select.getColumn(5)) != digest_of(hash_, row))
      return damaged(file_, "the record of execution " + row.id + " was changed");
    return std::optional(std::move(row));
  }

  fs::path file_;
  std::unique_ptr<SQLite::Database> db_;
  std::function<caf::error()> check_;
  statements statements_;
  chain_hasher hash_;
  chain_tip tip_;
  bool failed_ = false; ///< The last append.
};

caf::expected<std::unique_ptr<event_store>> make_store(const fs::path& file,
                                                       std::unique_ptr<SQLite::Database> db,
                                                       std::function<caf::error()> check) {
  try {
    return std::make_unique<sqlite_store>(file, std::move(db), std::move(check));
  } catch (const damage& e) {
    return damaged(file, e.what());
  } catch (const SQLite::Exception& e) {
    return database_error(e, "open", file);
  }
}

} // namespace

caf::expected<std::unique_ptr<event_store>> open_store(const fs::path& file) {
  auto db = open_database(file, schema_steps());
  if (!db)
    return std::move(db.error());
  return make_store(file, std::move(*db), {});
}

caf::expected<std::unique_ptr<event_store>> open_store_read_only(const fs::path& file) {
  auto opened = open_database_read_only(file, schema_steps());
  if (!opened)
    return std::move(opened.error());
  auto store = make_store(file, std::move(opened->db), opened->check);
  if (auto err = opened->check())
    return err;
  return store;
}

} // namespace aeo::io
