#pragma once

// Reads a JSON file member by member: a file of 100,000 phases never exists as one document.

#include "config/node.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace aeo::config {

/// Called with each member once it is complete. `container` is the key of the streamed object, or
/// empty for members of the root.
using member_handler =
    std::function<void(std::string_view container, const std::string& key, const json& value)>;

enum class read_result {
  complete, ///< Every member was handed out.
  absent,   ///< There is no such file; nothing is reported.
  broken    ///< Unreadable or no JSON; reported. Some members may have been handed out before.
};

/// Reads the file in pieces of 64 KiB. Members of the root are handed out one by one; if
/// `container` is not empty and the root has an object of that name, its members are instead.
/// Reports syntax errors with line, column and the line; duplicate keys (not those of the streamed
/// object: a caller knows its ids); NUL characters; a root that is no object; deep nesting.
read_result read_members(const std::filesystem::path&, document&, std::string_view container,
                         const member_handler&);

/// Opens a regular file; -1 with `why` set (empty: it does not exist).
int open_file(const std::filesystem::path&, std::string& why);

} // namespace aeo::config
