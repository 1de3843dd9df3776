#include "tools/monitor/plain.hpp"

#include "actors/core/event_json.hpp"
#include "actors/core/execution_state.hpp"
#include "actors/io/host.hpp"
#include "tools/attach/log_text.hpp"
#include "tools/monitor/picture.hpp"
#include "tools/monitor/watcher.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>

namespace aeo::monitor {

namespace {

int say(const caf::error& err) {
  std::cerr << "aeo-monitor: " << message_of(err) << '\n';
  return attach::exit_code_of(err);
}

/// Of a terminal; else wide enough for all that there is to say.
std::size_t columns() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 160;
}

int print_once(const options& o) {
  attach::system_config config;
  caf::actor_system system{config};
  auto node = attach::node::attach(system, o.target, "aeo-monitor " AEO_VERSION);
  if (!node)
    return say(node.error());
  auto view = (*node)->view();
  if (!view)
    return say(view.error());
  board b;
  b.begin(std::move(*view), io::now_us());
  view_options look;
  look.width = columns();
  look.height = b.phases().size() + 60;
  look.local_us = io::now_us();
  look.link = {link_state::attached,    (*node)->address(), (*node)->welcome().name,
               (*node)->welcome().role, look.local_us,      {}};
  auto lines = draw(b, look);
  lines.pop_back(); // The keys.
  std::string text;
  for (const auto& line : lines) {
    text += text_of(line);
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  std::cout << text.substr(0, text.find_last_not_of('\n') + 1) << '\n';
  return exit_code::ok;
}

/// Prints what a watcher hears until the run, or the phase, has ended.
class printer {
public:
  explicit printer(const options& o) : o_(o) {}

  int run() {
    attach::system_config config;
    caf::actor_system system{config};
    auto in = std::make_shared<inbox>();
    watch_options watch;
    watch.target = o_.target;
    watch.view = !o_.json;
    watch.since = o_.since;
    auto watcher = spawn_watcher(system, watch, in);
    if (!o_.follow.empty())
      caf::anon_send(watcher, atom::read_v, o_.follow);
    while (!done_)
      for (auto& x : in->wait())
        if (!done_)
          std::visit([this](auto& y) { hear(y); }, x);
    caf::anon_send_exit(watcher, caf::exit_reason::kill);
    return code_;
  }

private:
  void end(int code) {
    code_ = code;
    done_ = true;
  }

  void hear(const event_page& page) {
    for (const auto& e : page.events) {
      if (o_.json)
        std::cout << core::json_line(e, {});
      ended_ = e.kind == event_kind::execution_ended;
      if (o_.follow == e.phase)
        if (auto to = core::status_after(e.kind))
          phase_over_ = is_terminal(*to) || *to == phase_status::waiting_approval;
    }
    std::cout << std::flush;
    end_if_read();
    if ((o_.json && o_.once && (page.events.empty() || page.events.back().seq >= page.head))
        || (ended_ && o_.follow.empty() && (o_.json || page.ended)))
      end(exit_code::ok);
  }

  void hear(const run_view& view) {
    const auto found = std::ranges::find(view.phases, o_.follow, &phase_view::id);
    if (found == view.phases.end()) {
      std::cerr << "aeo-monitor: the plan has no phase " << o_.follow << '\n';
      end(exit_code::failed);
      return;
    }
    phase_over_ = is_terminal(found->status) || found->status == phase_status::waiting_approval;
    ended_ = !view.recent.empty() && view.recent.back().kind == event_kind::execution_ended;
    end_if_read();
  }

  void hear(const log_page& page) {
    if (page.text.empty())
      return;
    if (attempt_ != 0 && page.attempt != attempt_)
      std::cout << (in_line_ ? "\n" : "") << "-- attempt " << page.attempt << " --\n";
    attempt_ = page.attempt;
    in_line_ = page.text.back() != '\n';
    attach::print_log(page.text);
  }
  void hear(const log_idle& x) {
    idle_ = x.is;
    end_if_read();
  }
  void end_if_read() {
    if (!o_.follow.empty() && idle_ && phase_over_)
      end(exit_code::ok);
  }

  void hear(const link_view& link) {
    if (link.state != link_state::lost)
      return;
    if (ended_) {
      end(exit_code::ok);
    } else if (link.address.empty() && o_.once) {
      std::cerr << "aeo-monitor: " << link.trouble << '\n';
      end(exit_code::no_node);
    } else if (link.trouble != trouble_) {
      std::cerr << "aeo-monitor: " << link.trouble << "; trying again\n";
    }
    trouble_ = link.trouble;
  }

  void hear(const caf::error& err) { end(say(err)); }

  const options& o_;
  bool done_ = false;
  bool ended_ = false;        ///< The execution.
  bool phase_over_ = false;   ///< The followed one.
  bool idle_ = false;         ///< All of the followed phase's logs so far has been printed.
  std::uint32_t attempt_ = 0; ///< Of what was printed last.
  bool in_line_ = false;      ///< That did not end its line.
  std::string trouble_;
  int code_ = 0;
};

} // namespace

int run_plain(const options& o) {
  return o.once && !o.json && o.follow.empty() ? print_once(o) : printer{o}.run();
}

} // namespace aeo::monitor
