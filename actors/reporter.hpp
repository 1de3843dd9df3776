#pragma once

#include "actors/context.hpp"
#include "actors/core/file_access.hpp"
#include "actors/core/report.hpp"
#include "actors/core/run_history.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace aeo {

/// What an operator sees while a plan runs; the node's console, a recorder in tests.
class progress_view {
public:
  virtual ~progress_view() = default;
  virtual void begin(const core::execution_state&) = 0;
  virtual void on_event(const event&) = 0;
  virtual void say(const std::string& line) = 0;
  virtual void tick(std::int64_t now_us) = 0;
  virtual void finish(const core::report_input&, const std::string& report_file) = 0;
};

/// Replaces a file as a whole with what `write` puts out; an error names the file.
using file_writer = std::function<caf::error(const std::filesystem::path& file,
                                             const std::function<void(std::ostream&)>& write)>;

struct reporter_deps {
  context_ptr context;
  state_actor store;
  std::unique_ptr<progress_view> view;
  std::unique_ptr<core::run_history> history; ///< Of what the log holds so far.
  file_writer write_file;
  std::string workspace; ///< As the operator would type it.
  core::mask_function mask;
  std::shared_ptr<core::file_access> files = nullptr; ///< Null: what outputs say is not reported.
};

/// Status reports at each phase's end (plans of more than 200 phases: every 30 s at most), the
/// final report, and the progress view.
struct reporter_state {
  static inline const char* name = "reporter";
  static constexpr std::size_t small_plan = 200;

  reporter_actor::pointer self = nullptr;
  reporter_deps deps;
  bool writing = false; ///< A status report is on its way.
  bool due = false;     ///< A phase ended since the last one.
  bool timer = false;
  bool over = false;
  std::int64_t next_status_us = 0;

  void hear(const event_batch&);
  void tick();
  caf::result<void> finish(int exit_code);

private:
  void write_status_if_due();
  void write_status(const core::execution_state&);
  void write_final(const core::execution_state&, int exit_code);
  core::report_input input(const core::execution_state&, int exit_code) const;
  std::filesystem::path folder() const;
};

reporter_actor::behavior_type reporter(reporter_actor::stateful_pointer<reporter_state> self,
                                       reporter_deps deps, snapshot_ptr initial);

} // namespace aeo
