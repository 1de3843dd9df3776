#include "actors/io/launcher_protocol.hpp"

#include "actors/io/codec.hpp"

#include <utility>

namespace aeo::io::wire {

namespace {

constexpr std::size_t prefix = 4;

std::uint32_t load_u32(std::string_view from) {
  std::uint32_t x = 0;
  for (std::size_t i = 0; i < prefix; ++i)
    x |= std::uint32_t{static_cast<std::uint8_t>(from[i])} << (8 * i);
  return x;
}

template <class T>
bool decode_as(std::string_view body, message& to) {
  decoder f{body};
  if constexpr (std::is_same_v<T, hello>) {
    // Another version may say more or other things after the version.
    hello x;
    if (!f.get(x.version))
      return false;
    to = x;
    if (x.version != protocol_version)
      return true;
    f = decoder{body};
  }
  return f.get(to.emplace<T>()) && f.at_end();
}

template <std::size_t... I>
bool decode_type(std::size_t type, std::string_view body, message& to, std::index_sequence<I...>) {
  bool ok = false;
  (void)((type == I && (ok = decode_as<std::variant_alternative_t<I, message>>(body, to), true))
         || ...);
  return ok;
}

} // namespace

void append(std::string& datagram, const message& msg) {
  const auto start = datagram.size();
  datagram.append(prefix, '\0');
  datagram.push_back(static_cast<char>(msg.index()));
  encoder f{datagram};
  std::visit([&f](const auto& x) { f.put(x); }, msg);
  const auto length = datagram.size() - start - prefix;
  for (std::size_t i = 0; i < prefix; ++i)
    datagram[start + i] = static_cast<char>(length >> (8 * i));
}

bool decode(std::string_view datagram, std::vector<message>& to, std::string& why) {
  while (!datagram.empty()) {
    if (datagram.size() < prefix + 1) {
      why = "a message is cut off in its head";
      return false;
    }
    const auto length = load_u32(datagram);
    datagram.remove_prefix(prefix);
    if (length == 0 || length > datagram.size()) {
      why = "a message says it has " + std::to_string(length) + " bytes, the datagram has "
            + std::to_string(datagram.size()) + " left";
      return false;
    }
    const auto type = static_cast<std::uint8_t>(datagram.front());
    if (!decode_type(type, datagram.substr(1, length - 1), to.emplace_back(),
                     std::make_index_sequence<std::variant_size_v<message>>{})) {
      why = "a message of type " + std::to_string(type) + " cannot be read";
      return false;
    }
    datagram.remove_prefix(length);
  }
  return true;
}

bool packer::add(const message& msg) {
  const auto start = open_.size();
  append(open_, msg);
  if (open_.size() <= limit_)
    return true;
  auto last = open_.substr(start);
  open_.resize(start);
  if (last.size() > limit_)
    return false;
  done_.push_back(std::exchange(open_, std::move(last)));
  return true;
}

std::vector<std::string> packer::take() {
  if (!open_.empty())
    done_.push_back(std::exchange(open_, {}));
  return std::exchange(done_, {});
}

} // namespace aeo::io::wire
