// aeo-control: looks at a running node, and decides what waits for a person.

#include "actors/io/own_memory.hpp"
#include "tools/control/run.hpp"

int main(int argc, char** argv) {
  aeo::io::keep_memory_private();
  aeo::init_messages(); // Errors are messages too: before anything can fail.
  aeo::io::init_remote();
  int code = 0;
  const auto options = aeo::control::parse_options(argc, argv, code);
  return options ? aeo::control::run(*options) : code;
}
