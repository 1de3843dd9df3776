#include "config/json_stream.hpp"

#include "config/syntax_error.hpp"
#include "config/values.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <set>

namespace aeo::config {

namespace {

constexpr std::size_t max_depth = 64;

/// A file's bytes through a fixed buffer.
class byte_source {
public:
  explicit byte_source(int fd) : fd_(fd) { fill(); }
  byte_source(const byte_source&) = delete;
  byte_source& operator=(const byte_source&) = delete;
  ~byte_source() { ::close(fd_); }

  bool at_end() const { return pos_ == end_; }
  char front() const { return buffer_[pos_]; }
  void advance() {
    if (++pos_ == end_)
      fill();
  }
  std::string_view buffered() const { return {buffer_.data() + pos_, end_ - pos_}; }
  int error() const { return error_; }

private:
  void fill() {
    pos_ = 0;
    end_ = 0;
    ssize_t got = 0;
    do
      got = ::read(fd_, buffer_.data(), buffer_.size());
    while (got < 0 && errno == EINTR);
    if (got > 0)
      end_ = static_cast<std::size_t>(got);
    else if (got < 0)
      error_ = errno;
  }

  int fd_;
  int error_ = 0;
  std::size_t pos_ = 0;
  std::size_t end_ = 0;
  std::array<char, 65'536> buffer_;
};

/// The input iterator that nlohmann's lexer pulls bytes through; null: the end.
class byte_iterator {
public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  explicit byte_iterator(byte_source* source = nullptr) : source_(source) {}
  char operator*() const { return source_->front(); }
  byte_iterator& operator++() {
    source_->advance();
    return *this;
  }
  friend bool operator==(const byte_iterator& a, const byte_iterator& b) {
    return a.ended() == b.ended();
  }

private:
  bool ended() const { return source_ == nullptr || source_->at_end(); }
  byte_source* source_;
};

/// Builds one member at a time from the parser's events.
class member_builder : public nlohmann::json_sax<json> {
public:
  member_builder(document& doc, std::string_view container, const member_handler& handler)
      : doc_(doc), container_(container), handler_(handler), levels_(container.empty() ? 1 : 2) {}

  /// The parser stopped at a syntax error.
  struct failure {
    bool happened = false;
    std::size_t position = 0;
    std::string token;
    std::string message;
  };
  const failure& syntax() const { return syntax_; }

  bool null() override { return scalar(nullptr); }
  bool boolean(bool x) override { return scalar(x); }
  bool number_integer(std::int64_t x) override { return scalar(x); }
  bool number_unsigned(std::uint64_t x) override { return scalar(x); }
  bool number_float(double x, const std::string&) override { return scalar(x); }
  bool binary(json::binary_t&) override { return false; }

  bool string(std::string& x) override {
    if (x.find('\0') != std::string::npos)
      doc_.fail(here(), "the text contains a NUL character (\\u0000)");
    return scalar(std::move(x));
  }

  bool key(std::string& x) override {
    (stack_.empty() ? key_ : stack_.back().key) = x;
    return true;
  }

  bool start_object(std::size_t) override {
    if (!stack_.empty() || open_ == levels_)
      return push(json::object());
    if (open_ == 1 && key_ != container_)
      return push(json::object());
    if (open_ == 1)
      muted_ = !note_root_key();
    ++open_;
    return true;
  }

  bool end_object() override {
    if (!stack_.empty())
      return pop();
    --open_;
    muted_ = false;
    return true;
  }

  bool start_array(std::size_t) override { return push(json::array()); }
  bool end_array() override { return pop(); }

  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::detail::exception& error) override {
    syntax_ = {true, position, token, error.what()};
    return false;
  }

private:
  struct frame {
    json* value;
    std::string key; ///< Objects: of the member that comes next.
  };

  /// Puts a value where it belongs. Only the newest value of a container may be open, so pointers
  /// to open ones stay good.
  json* insert(json value) {
    if (stack_.empty()) {
      member_ = std::move(value);
      return &member_;
    }
    auto& [parent, key] = stack_.back();
    if (parent->is_array())
      return &parent->get_ref<json::array_t&>().emplace_back(std::move(value));
    // Not object_t's own emplace(): it searches for the key; duplicates are found in pop().
    using members = std::vector<std::pair<const std::string, json>>;
    members& list = parent->get_ref<json::object_t&>();
    return &list.emplace_back(std::move(key), std::move(value)).second;
  }

  bool scalar(json value) {
    if (open_ == 0)
      return bad_root(value);
    insert(std::move(value));
    return !stack_.empty() || deliver();
  }

  bool push(json value) {
    if (open_ == 0)
      return bad_root(value);
    if (stack_.size() + static_cast<std::size_t>(open_) >= max_depth) {
      doc_.fail(here(), "nested deeper than " + std::to_string(max_depth) + " levels");
      return false;
    }
    auto* inserted = insert(std::move(value));
    stack_.push_back({inserted, {}});
    return true;
  }

  bool pop() {
    const auto& value = *stack_.back().value;
    stack_.back().key.clear();
    if (value.is_object())
      report_duplicates(value.get_ref<const json::object_t&>());
    stack_.pop_back();
    return !stack_.empty() || deliver();
  }

  bool deliver() {
    bool streamed = open_ == levels_;
    if (!muted_ && (streamed || note_root_key()))
      handler_(streamed ? container_ : std::string_view{}, key_, member_);
    member_ = nullptr;
    return true;
  }

  bool note_root_key() {
    if (root_keys_.insert(key_).second)
      return true;
    std::string pointer;
    append_pointer(pointer, key_);
    doc_.fail(std::move(pointer), "duplicate key " + in_quotes(key_));
    return false;
  }

  bool bad_root(const json& value) {
    node{doc_, value}.expected("an object");
    return false;
  }

  void report_duplicates(const json::object_t& members) {
    if (members.size() < 2)
      return;
    std::vector<std::string_view> keys;
    keys.reserve(members.size());
    for (const auto& member : members)
      keys.emplace_back(member.first);
    std::sort(keys.begin(), keys.end());
    for (auto i = keys.begin(); (i = std::adjacent_find(i, keys.end())) != keys.end();) {
      auto pointer = path_to(stack_.size());
      append_pointer(pointer, *i);
      doc_.fail(std::move(pointer), "duplicate key " + in_quotes(*i));
      i = std::upper_bound(i, keys.end(), *i);
    }
  }

  /// JSON pointer of the value that the next event belongs to.
  std::string here() const {
    if (open_ == 0)
      return {};
    auto pointer = path_to(stack_.size());
    if (!stack_.empty())
      append_step(pointer, stack_.back(), true);
    return pointer;
  }

  /// JSON pointer of the container in frame `count` - 1.
  std::string path_to(std::size_t count) const {
    std::string pointer;
    if (open_ == 2)
      append_pointer(pointer, container_);
    append_pointer(pointer, key_);
    for (std::size_t i = 0; i + 1 < count; ++i)
      append_step(pointer, stack_[i], false);
    return pointer;
  }

  static void append_step(std::string& pointer, const frame& x, bool next) {
    if (x.value->is_array())
      append_pointer(pointer, std::to_string(x.value->size() - (next ? 0 : 1)));
    else if (next)
      append_pointer(pointer, x.key);
    else
      append_pointer(pointer, x.value->get_ref<const json::object_t&>().back().first);
  }

  document& doc_;
  std::string_view container_;
  const member_handler& handler_;
  int levels_;   ///< Objects whose members are handed out: 1 = the root, 2 = the container in it.
  int open_ = 0; ///< How many of them are open.
  bool muted_ = false; ///< In a second container of the same name.
  std::string key_;    ///< Of the member being built.
  json member_;
  std::vector<frame> stack_; ///< Open containers inside the member.
  std::set<std::string> root_keys_;
  failure syntax_;
};

/// What is wrong with the file before its first character counts as JSON.
std::string bad_beginning(std::string_view bytes) {
  auto starts = [bytes](std::string_view mark) { return bytes.substr(0, mark.size()) == mark; };
  if (bytes.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return "the file is empty, expected a JSON object";
  if (starts("\xef\xbb\xbf"))
    return "the file starts with a byte-order mark; save it as UTF-8 without BOM";
  if (starts("\xff\xfe") || starts("\xfe\xff"))
    return "the file is UTF-16; save it as UTF-8";
  return {};
}

} // namespace

int open_file(const std::filesystem::path& path, std::string& why) {
  why.clear();
  // O_NONBLOCK: a FIFO must not make us wait.
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info {};
  if (fd < 0) {
    auto code = errno;
    if (code == ENOENT && ::lstat(path.c_str(), &info) != 0)
      return -1;
    why = code == ENOENT ? "the symbolic link points to nothing"
                         : std::string{"cannot be read: "} + std::strerror(code);
    return -1;
  }
  if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
    return fd;
  ::close(fd);
  why = S_ISDIR(info.st_mode) ? "is a directory, expected a file" : "is not a regular file";
  return -1;
}

read_result read_members(const std::filesystem::path& path, document& doc,
                         std::string_view container, const member_handler& handler) {
  std::string why;
  int fd = open_file(path, why);
  if (fd < 0) {
    if (why.empty())
      return read_result::absent;
    doc.fail({}, std::move(why));
    return read_result::broken;
  }
  byte_source source{fd};
  why = source.error() != 0 ? std::string{} : bad_beginning(source.buffered());
  if (!why.empty()) {
    doc.fail({}, std::move(why));
    return read_result::broken;
  }
  member_builder builder{doc, container, handler};
  bool good = json::sax_parse(byte_iterator{&source}, byte_iterator{}, &builder);
  if (source.error() != 0)
    doc.fail({}, std::string{"cannot be read: "} + std::strerror(source.error()));
  else if (const auto& syntax = builder.syntax(); syntax.happened)
    doc.fail({}, describe_syntax_error(path, syntax.position, syntax.token, syntax.message));
  return good && source.error() == 0 ? read_result::complete : read_result::broken;
}

} // namespace aeo::config
