#include "actors/core/file_access.hpp"

namespace aeo::core {

file_access::~file_access() = default;

} // namespace aeo::core
