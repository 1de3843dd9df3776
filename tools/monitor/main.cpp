// aeo-monitor: watches a running node, from this machine or another one.

#include "actors/io/own_memory.hpp"
#include "tools/monitor/live.hpp"
#include "tools/monitor/plain.hpp"

int main(int argc, char** argv) {
  aeo::io::keep_memory_private();
  aeo::init_messages(); // Errors are messages too: before anything can fail.
  aeo::io::init_remote();
  int code = 0;
  const auto o = aeo::monitor::parse_options(argc, argv, code);
  if (!o)
    return code;
  const auto plain = o->once || o->json || !o->follow.empty();
  return plain ? aeo::monitor::run_plain(*o) : aeo::monitor::run_live(*o);
}
