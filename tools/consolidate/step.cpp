#include "tools/consolidate/step.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/masking.hpp"
#include "tools/consolidate/paths.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>

namespace aeo::consolidate {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void cannot_write(const std::string& file) {
  throw failure(exit_status::try_again, file + ": cannot be written: " + std::strerror(errno)
                                            + " (free space or fix permissions, then run again)");
}

void sync_directory(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    ::fsync(fd);
    ::close(fd);
  }
}

} // namespace

void write_durably(const std::string& file, std::string_view content) {
  const auto directory = fs::path(file).parent_path();
  std::error_code ec;
  fs::create_directories(directory, ec);
  const auto temporary = file + ".tmp." + std::to_string(::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0)
    cannot_write(temporary);
  bool ok = true;
  while (ok && !content.empty()) {
    const auto n = ::write(fd, content.data(), content.size());
    ok = n > 0;
    if (ok)
      content.remove_prefix(static_cast<std::size_t>(n));
  }
  ok = ok && ::fsync(fd) == 0;
  ok = ::close(fd) == 0 && ok;
  if (!ok || ::rename(temporary.c_str(), file.c_str()) != 0) {
    const int problem = errno;
    ::unlink(temporary.c_str());
    errno = problem;
    cannot_write(file);
  }
  sync_directory(directory);
}

std::string checked_output(const std::string& workspace, const std::string& out) {
  const auto root = fs::path(workspace) / "consolidation";
  const auto path = fs::path(workspace) / out; // an absolute `out` replaces the left side
  std::error_code ec;
  const auto real = fs::weakly_canonical(path, ec);
  if (ec || !is_below(real.string(), root.string()) || real == root)
    throw failure(exit_status::configuration,
                  "--out " + out + ": is outside " + root.string() + ", expected a file below it");
  return real.string();
}

ordered read_output(const step_context& context, const std::string& relative,
                    std::string_view made_by) {
  const auto file = context.consolidation() + "/" + relative;
  std::ifstream in(file, std::ios::binary);
  if (!in)
    throw failure(exit_status::no_input,
                  file + ": is missing (run `aeo-consolidate " + std::string(made_by) + "` first)");
  try {
    return ordered::parse(in);
  } catch (const ordered::parse_error& error) {
    throw failure(exit_status::bad_data, file + ": is not JSON: " + error.what()
                                             + " (run `aeo-consolidate " + std::string(made_by)
                                             + "` again)");
  }
}

ordered not_measured(const std::string& reason) {
  return {{"status", "not_measured"}, {"reason", reason}};
}

progress_function stderr_progress() {
  struct shared {
    std::mutex mutex;
    std::chrono::steady_clock::time_point last;
  };
  return [state = std::make_shared<shared>()](std::string_view label, std::size_t done,
                                              std::size_t total) {
    const std::lock_guard lock(state->mutex);
    const auto now = std::chrono::steady_clock::now();
    if (done != total && now - state->last < std::chrono::milliseconds(100))
      return;
    state->last = now;
    std::cerr << label << ": " << done << '/' << total << '\n';
  };
}

namespace {

/// Every `not_measured` of a document with where it stands, so that a reader need not search.
void list_not_measured(const ordered& value, const std::string& place, ordered& out) {
  if (!value.is_structured())
    return;
  if (value.is_object() && value.contains("status") && value.at("status") == "not_measured")
    out.push_back({{"what", place.empty() ? "the whole" : place},
                   {"reason", value.contains("reason") ? value.at("reason") : ordered("")}});
  for (const auto& [key, item] : value.items()) {
    // A list of things with names reads better by name than by number.
    const bool named = item.is_object() && value.is_array();
    auto part = key;
    for (const auto* name : {"name", "title", "id", "language"}) {
      if (named && item.contains(name) && item.at(name).is_string()) {
        part = item.at(name).get<std::string>();
        break;
      }
    }
    list_not_measured(item, place.empty() ? part : place + " / " + part, out);
  }
}

/// What goes wrong may quote what it was given.
step_result run_masked(const step& chosen, const step_context& context) {
  const auto& scanner = *context.secrets;
  try {
    auto result = chosen.run(context);
    mask_secrets(result.document, scanner);
    result.summary = scanner.masked(result.summary);
    return result;
  } catch (const failure& error) {
    throw failure(error.status(), scanner.masked(error.what()));
  }
}

} // namespace

std::string run_step(const step& chosen, const step_context& context, const std::string& out) {
  auto result = run_masked(chosen, context);
  ordered document{{"step", chosen.name}, {"phase", chosen.phase}, {"format", 1}};
  document["summary"] = result.summary;
  ordered gaps = ordered::array();
  list_not_measured(result.document, "", gaps);
  for (auto& [key, value] : result.document.items())
    document[key] = std::move(value);
  if (!document.contains("not_measured") && !gaps.empty())
    document["not_measured"] = std::move(gaps);
  write_durably(out, document.dump(2, ' ', false, ordered::error_handler_t::replace) + "\n");
  return std::move(result.summary);
}

} // namespace aeo::consolidate
