#include "actors/writer.hpp"

#include "actors/core/execution_state.hpp"

namespace aeo {

writer_actor::behavior_type writer(writer_actor::stateful_pointer<writer_state> self,
                                   std::unique_ptr<io::event_store> store, std::string execution,
                                   save_function save) {
  self->state.store = std::move(store);
  self->state.execution = std::move(execution);
  self->state.save = std::move(save);
  return {
      [self](atom::record, event_batch& batch) -> caf::result<std::uint64_t, std::string> {
        if (auto err = self->state.store->append(self->state.execution, batch))
          return err;
        return {batch.empty() ? std::uint64_t{0} : batch.front().seq, self->state.store->head()};
      },
      [self](atom::save, const snapshot_ptr& snapshot) -> caf::result<void> {
        if (auto err = self->state.save(*snapshot))
          return err;
        return caf::unit;
      },
  };
}

} // namespace aeo
