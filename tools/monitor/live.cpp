#include "tools/monitor/live.hpp"

#include "actors/io/host.hpp"
#include "tools/monitor/picture.hpp"
#include "tools/monitor/screen.hpp"
#include "tools/monitor/watcher.hpp"

#include <poll.h>

#include <chrono>
#include <iostream>

namespace aeo::monitor {

namespace {

constexpr int tick_ms = 1000; // Clocks go on; what happens is drawn when it comes.
constexpr std::size_t most_log = std::size_t{256} * 1024;

/// What the operator sees and types.
class desk {
public:
  desk(screen& on, watcher_actor watcher) : screen_(on), watcher_(std::move(watcher)) {
    look_.utf8 = screen_.is_utf8();
  }

  /// Until the operator has enough; nullopt, or the error that ended it.
  std::optional<caf::error> run(inbox& in) {
    for (;;) {
      pollfd waiting[2] = {{screen::key_fd(), POLLIN, 0}, {in.fd(), POLLIN, 0}};
      show();
      ::poll(waiting, 2, tick_ms);
      for (auto& x : in.take())
        std::visit([this](auto& y) { hear(y); }, x);
      if (failure_)
        return failure_;
      for (auto k = screen_.read_key(); k != key::none; k = screen_.read_key()) {
        if (k == key::quit)
          return std::nullopt;
        press(k);
      }
    }
  }

private:
  void hear(run_view& view) { board_.begin(std::move(view), io::now_us()); }
  void hear(const event_page& page) {
    if (!board_.apply(page, io::now_us()))
      caf::anon_send(watcher_, atom::get_v);
  }
  void hear(const log_idle&) {}
  void hear(const link_view& link) { look_.link = link; }
  void hear(const caf::error& err) { failure_ = err; }
  void hear(log_page& page) {
    if (!log_)
      return;
    if (page.task != log_->task || page.attempt != log_->attempt) {
      log_->task = page.task;
      log_->attempt = page.attempt;
      log_->text.clear();
    }
    log_->text += page.text;
    log_->complete = page.complete;
    if (log_->text.size() > most_log)
      log_->text.erase(0, log_->text.size() - most_log);
  }

  void show() {
    look_.width = screen_.width();
    look_.height = screen_.height();
    look_.local_us = io::now_us();
    screen_.show(log_ ? draw_log(board_, look_, *log_) : draw(board_, look_));
  }

  void move(motion m) { look_.selected = moved(board_, look_, m); }

  void follow() {
    if (log_ || board_.phases().empty())
      return;
    const auto& order = board_.by_urgency();
    const auto at = look_.selected ? *look_.selected : order.front();
    log_.emplace();
    log_->phase = board_.phases()[at].id;
    caf::anon_send(watcher_, atom::read_v, log_->phase);
  }

  /// One thing at a time, the uppermost first.
  void back() {
    if (log_) {
      caf::anon_send(watcher_, atom::read_v, std::string{});
      log_.reset();
    } else if (look_.help) {
      look_.help = false;
    } else {
      look_.selected.reset();
    }
  }

  void press(key k) {
    switch (k) {
    case key::up:
      return move(motion::up);
    case key::down:
      return move(motion::down);
    case key::page_up:
      return move(motion::page_up);
    case key::page_down:
      return move(motion::page_down);
    case key::home:
      return move(motion::first);
    case key::end:
      return move(motion::last);
    case key::follow:
      return follow();
    case key::help:
      look_.help = !look_.help;
      return;
    case key::back:
      return back();
    case key::resized:
      return screen_.repaint();
    default:
      return;
    }
  }

  screen& screen_;
  watcher_actor watcher_;
  board board_;
  view_options look_;
  std::optional<log_view> log_;
  std::optional<caf::error> failure_;
};

} // namespace

int run_live(const options& o) {
  attach::system_config config;
  caf::actor_system system{config};
  auto opened = screen::open(o.color);
  if (!opened) {
    std::cerr << "aeo-monitor: the live view needs a terminal: " << opened.error
              << "; use --once for the run as it is now, --follow PHASE for a log, --json for "
                 "events\n";
    return exit_code::usage;
  }
  auto in = std::make_shared<inbox>();
  watch_options watch;
  watch.target = o.target;
  auto watcher = spawn_watcher(system, watch, in);
  auto failure = desk{**opened, watcher}.run(*in);
  caf::anon_send_exit(watcher, caf::exit_reason::kill);
  *opened = nullptr; // The terminal is as it was: now something may be said.
  if (!failure)
    return exit_code::ok;
  std::cerr << "aeo-monitor: " << message_of(*failure) << '\n';
  return attach::exit_code_of(*failure);
}

} // namespace aeo::monitor
