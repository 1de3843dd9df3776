#include "tools/consolidate/masking.hpp"

#include "tools/consolidate/failure.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace aeo::consolidate {

namespace fs = std::filesystem;

std::string masked_value(const std::string& key, const std::string& text,
                         const secret_scanner& scanner, const secret_marker& marker) {
  const auto before = key + " = \"";
  const auto line = scanner.masked(before + text + "\"", marker);
  // Whatever is masked in the key itself says nothing about the text.
  return scanner.masked(line.starts_with(before) && line.ends_with('"')
                            ? line.substr(before.size(), line.size() - before.size() - 1)
                            : text,
                        marker);
}

namespace {

void mask(ordered& value, const std::string& key, const secret_scanner& scanner);

void mask_object(ordered& value, const secret_scanner& scanner) {
  bool same = true;
  for (auto& [name, item] : value.items()) {
    mask(item, name, scanner);
    same = same && scanner.masked(name) == name;
  }
  if (same)
    return;
  auto masked = ordered::object();
  for (auto& [name, item] : value.items()) {
    auto shown = scanner.masked(name);
    while (masked.contains(shown))
      shown += " (another)";
    masked[shown] = std::move(item);
  }
  value = std::move(masked);
}

void mask(ordered& value, const std::string& key, const secret_scanner& scanner) {
  if (value.is_string())
    value = masked_value(key, value.get_ref<const std::string&>(), scanner);
  else if (value.is_object())
    mask_object(value, scanner);
  else if (value.is_array())
    for (auto& item : value)
      mask(item, key, scanner);
}

/// Some whole lines of a text, no armoured key cut; what is longer than a block comes in pieces.
class line_blocks {
public:
  explicit line_blocks(const std::string& file) : in_(file, std::ios::binary) {}

  bool next(std::string& block) {
    block = std::move(rest_);
    rest_.clear();
    const auto old = block.size();
    block.resize(old + block_bytes);
    in_.read(block.data() + old, block_bytes);
    block.resize(old + static_cast<std::size_t>(in_.gcount()));
    if (in_)
      cut(block);
    return !block.empty();
  }

private:
  static constexpr std::size_t block_bytes = 4U << 20;
  static constexpr std::size_t armour_bytes = 8U << 10;

  void cut(std::string& block) {
    const auto armour = block.rfind("-----BEGIN");
    auto end = block.rfind('\n') + 1;
    if (armour != std::string::npos && armour + armour_bytes > block.size())
      end = std::min(end, block.rfind('\n', armour) + 1);
    if (end > 0) {
      rest_ = block.substr(end);
      block.resize(end);
    }
  }

  std::ifstream in_;
  std::string rest_;
};

void mask_file(const step_context& context, const std::string& file) {
  const auto& scanner = *context.secrets;
  std::string block;
  bool any = false;
  for (line_blocks blocks(file); !any && blocks.next(block);)
    any = scanner.masked(block) != block;
  if (!any)
    return;
  const auto fresh = file + ".masked";
  std::ofstream out(fresh, std::ios::binary);
  fs::permissions(fresh, fs::perms::owner_read | fs::perms::owner_write);
  for (line_blocks blocks(file); out && blocks.next(block);)
    out << scanner.masked(block);
  out.close();
  std::error_code ec;
  if (out)
    fs::rename(fresh, file, ec);
  if (ec || !out)
    throw failure(exit_status::try_again,
                  file
                      + ": its secrets cannot be masked (free space or fix permissions, then run "
                        "again; do not share it as it is)");
}

} // namespace

log_mask::~log_mask() {
  try {
    if (!finished_)
      finish();
  } catch (const std::exception&) { // What ended the step is told; this would hide it.
  }
}

void log_mask::finish() {
  finished_ = true;
  mask_file(context_, file_);
}

void mask_secrets(ordered& value, const secret_scanner& scanner) {
  mask(value, "", scanner);
}

} // namespace aeo::consolidate
