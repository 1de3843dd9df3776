#include "messages/actors.hpp"

#include <catch2/catch_session.hpp>

int main(int argc, char** argv) {
  aeo::init_messages();
  return Catch::Session().run(argc, argv);
}
