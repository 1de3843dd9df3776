#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// Which endpoints a shared guard stands before.
enum class guard_reach {
  nothing, ///< none but the one whose own lines have it
  object,  ///< what is registered with its receiver, or with what that mounts
  mount,   ///< what the same line mounts on its receiver
  file,    ///< what the same file registers
  flask,   ///< every route of Flask
  django,  ///< every view of the Django project
  rest,    ///< every view of Django REST framework in the project that says nothing else
  nest,    ///< every controller of Nest
  spring,  ///< every controller of the application but what is permitted to all
  unknown, ///< its path is no text
};

/// A line that puts a guard before endpoints that it does not name.
struct shared_guard {
  std::size_t code = 0;    ///< Its file, as the caller numbers them.
  std::uint32_t first = 0; ///< lines, from 1
  std::uint32_t last = 0;
  std::uint32_t statement = 0; ///< The first line of the statement that it is in.
  guard_reach reach = guard_reach::file;
  std::string receiver;
  std::vector<std::string> prefixes; ///< What routes have to begin with; none: anything.
  bool ordered = false; ///< It guards what comes after it in its block, nothing before or outside.
};

/// The line that opens the brackets in which `line` stands; `line` itself if it is in none. All are
/// numbered from 1.
std::uint32_t opening_line(const std::vector<std::string_view>& lines, std::uint32_t line);
/// The line that closes the brackets which `line` opens at its end; `line` itself if it opens none.
std::uint32_t closing_line(const std::vector<std::string_view>& lines, std::uint32_t line);

/// The texts in `[...]`, or the one text.
std::vector<std::string> texts_in(std::string_view argument);

/// The guard that `line` (from 1) puts before others, as far as the lines around it tell.
shared_guard read_shared_guard(const std::vector<std::string_view>& lines, std::uint32_t line,
                               std::string_view family);

/// A line that makes what is registered with one object a part of another one.
struct mounting {
  std::string parent;
  std::string path;
  std::vector<std::string> children; ///< Names in this file.
  std::vector<std::string> files;    ///< What `require` names.
  bool makes = false;                ///< The line makes its child.
  bool hands_over = false;           ///< Its child is a function that gets `parent`.
};

/// What the line mounts; none if it mounts nothing.
std::vector<mounting> read_mountings(std::string_view line, std::string_view family);

/// Whether a JavaScript file gives others that name, or a function that takes it.
bool exports_name(std::string_view text, const std::string& name);

/// What a route that begins at byte `route` is registered with: `app` of `app.get("/x"`.
std::string receiver_of(std::string_view text, std::size_t route);

/// Whether a route is `prefix` or below it.
bool is_below_route(std::string_view route, std::string_view prefix);

/// Whether line `to` is still in the block in which line `from` stands.
bool in_same_block(const std::vector<std::string_view>& lines, std::uint32_t from,
                   std::uint32_t to);

/// The directory of the Django project whose settings that file is.
std::string_view django_project(std::string_view settings);

} // namespace aeo::consolidate
