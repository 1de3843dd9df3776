#include "tools/node/console_view.hpp"

#include "actors/io/files.hpp"

#include <ostream>
#include <streambuf>
#include <system_error>

namespace aeo::node {

namespace {

class console_view : public progress_view {
public:
  console_view(std::shared_ptr<const plan> p, console_options options)
      : console_(std::move(p), std::move(options)) {}

  void begin(const core::execution_state& state) override { console_.begin(state); }
  void on_event(const event& e) override { console_.on_event(e); }
  void say(const std::string& line) override { console_.say(line); }
  void tick(std::int64_t now_us) override { console_.tick(now_us); }
  void finish(const core::report_input& input, const std::string& report_file) override {
    console_.finish(input, report_file);
  }

private:
  console console_;
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
                                                 console_options options) {
  return std::make_unique<console_view>(std::move(p), std::move(options));
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
