#include "tools/node/console_view.hpp"

#include "actors/core/execution_state.hpp"
#include "actors/io/files.hpp"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <ostream>
#include <streambuf>
#include <system_error>

namespace aeo::node {

namespace {

spdlog::level::level_enum level_of(const event& e) {
  auto to = core::status_after(e.kind);
  if (to && is_shut(*to))
    return spdlog::level::warn;
  return to || e.phase.empty() ? spdlog::level::info : spdlog::level::debug;
}

void log_event(spdlog::logger& log, const event& e) {
  auto level = level_of(e);
  if (log.should_log(level))
    log.log(level, "{} {} {} {} attempt {} {}", e.seq, to_string(e.kind), e.phase, e.task,
            e.attempt, e.data);
}

class console_view : public progress_view {
public:
  console_view(std::shared_ptr<const plan> p, console_options options,
               std::shared_ptr<spdlog::logger> log)
      : mask_(options.mask), console_(std::move(p), std::move(options)), log_(std::move(log)) {}

  void begin(const core::execution_state& state) override { console_.begin(state); }
  void on_event(const event& e) override {
    log_event(*log_, e);
    console_.on_event(e);
  }
  void say(const std::string& line) override {
    log_->warn(mask_ ? mask_(line) : line);
    console_.say(line);
  }
  void tick(std::int64_t now_us) override { console_.tick(now_us); }
  void finish(const core::report_input& input, const std::string& report_file) override {
    console_.finish(input, report_file);
    log_->info("ended with exit code {}", input.exit_code);
    log_->flush();
  }

private:
  core::mask_function mask_;
  console console_;
  std::shared_ptr<spdlog::logger> log_;
};

/// Lets code that writes to a stream fill a file_replacement.
class replacement_buffer : public std::streambuf {
public:
  explicit replacement_buffer(io::file_replacement& file) : file_(file) {}

protected:
  int_type overflow(int_type c) override {
    if (!traits_type::eq_int_type(c, traits_type::eof())) {
      auto byte = traits_type::to_char_type(c);
      file_.write({&byte, 1});
    }
    return traits_type::not_eof(c);
  }
  std::streamsize xsputn(const char* text, std::streamsize count) override {
    file_.write({text, static_cast<std::size_t>(count)});
    return count;
  }

private:
  io::file_replacement& file_;
};

} // namespace

std::unique_ptr<progress_view> make_console_view(std::shared_ptr<const plan> p,
                                                 console_options options,
                                                 std::shared_ptr<spdlog::logger> log) {
  return std::make_unique<console_view>(std::move(p), std::move(options), std::move(log));
}

std::shared_ptr<spdlog::logger> open_node_log(const std::filesystem::path& file,
                                              const std::string& level) {
  constexpr std::size_t max_bytes = 16 << 20;
  std::shared_ptr<spdlog::logger> log;
  try {
    log = std::make_shared<spdlog::logger>(
        "aeo-node",
        std::make_shared<spdlog::sinks::rotating_file_sink_st>(file.string(), max_bytes, 1));
  } catch (const spdlog::spdlog_ex& error) {
    std::fprintf(stderr, "aeo-node: no log file: %s\n", error.what());
    log = std::make_shared<spdlog::logger>("aeo-node");
  }
  log->set_level(spdlog::level::from_str(level));
  log->flush_on(spdlog::level::warn);
  // A full disk must not stop the run for its log's sake; the store says so anyway.
  log->set_error_handler([](const std::string&) {});
  return log;
}

caf::error write_report(const std::filesystem::path& file,
                        const std::function<void(std::ostream&)>& write) {
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  if (error)
    return io::file_error("make the folder", file.parent_path(), error.value());
  auto replacement = io::file_replacement::open(file, 0600);
  if (!replacement)
    return replacement.error();
  replacement_buffer buffer{*replacement};
  std::ostream out{&buffer};
  write(out);
  return replacement->commit();
}

} // namespace aeo::node
