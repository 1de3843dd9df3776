#pragma once

#include "actors/context.hpp"
#include "actors/io/store.hpp"

#include <functional>
#include <memory>
#include <string>

namespace aeo {

/// Replaces execution_state.json; an error says which file and why.
using save_function = std::function<caf::error(const core::execution_state&)>;

struct writer_state {
  static inline const char* name = "writer";
  std::unique_ptr<io::event_store> store;
  std::string execution;
  save_function save;
};

/// Blocking storage; spawn it detached. Owns the store.
writer_actor::behavior_type writer(writer_actor::stateful_pointer<writer_state> self,
                                   std::unique_ptr<io::event_store> store, std::string execution,
                                   save_function save);

} // namespace aeo
