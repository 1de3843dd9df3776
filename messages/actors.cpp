#include "messages/actors.hpp"

#include <caf/init_global_meta_objects.hpp>

namespace aeo {

void init_messages() {
  caf::init_global_meta_objects<caf::id_block::aeo_types>();
  caf::init_global_meta_objects<caf::id_block::aeo_atoms>();
  caf::init_global_meta_objects<caf::id_block::aeo_actors>();
  caf::core::init_global_meta_objects();
}

} // namespace aeo
