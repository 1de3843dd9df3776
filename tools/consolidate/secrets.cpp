#include "tools/consolidate/secrets.hpp"

#include "tools/consolidate/base64.hpp"
#include "tools/consolidate/digest.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>

namespace aeo::consolidate {

namespace {

constexpr std::size_t shortest_base64 = 24;
constexpr std::size_t armour_bytes = 4096;
constexpr int deepest = 2; ///< base64 in base64
/// A window of a stream, and how much of its end waits for what follows.
constexpr std::size_t window_bytes = 4U << 20;
constexpr std::size_t waiting_bytes = 64U << 10;

std::unique_ptr<re2::RE2> any_of(const std::vector<std::string>& expressions) {
  if (expressions.empty())
    return nullptr;
  std::string all;
  for (const auto& item : expressions)
    all += (all.empty() ? "(?:" : "|(?:") + item + ")";
  auto result = std::make_unique<re2::RE2>(all, line_engine::options());
  if (!result->ok())
    throw failure(exit_status::configuration,
                  "an exception for secrets does not compile: " + result->error());
  return result;
}

/// Where the text of UTF-16 begins: behind its mark, or at 0 where nearly every other byte is zero
/// and the ones between are not. nullopt: it is none.
std::optional<std::size_t> utf16_begin(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF"))
    return 2;
  const auto sample = bytes.substr(0, std::min<std::size_t>(bytes.size(), 1024) / 2 * 2);
  std::array<std::size_t, 2> zeros{};
  for (std::size_t i = 0; i < sample.size(); ++i)
    zeros[i % 2] += sample[i] == '\0' ? 1 : 0;
  const auto most = std::max(zeros[0], zeros[1]);
  if (sample.size() >= 32 && most * 20 >= sample.size() * 9 && std::min(zeros[0], zeros[1]) == 0)
    return 0;
  return std::nullopt;
}

bool is_mixed(std::string_view text) {
  const auto has = [&](int (*kind)(int)) {
    return std::any_of(text.begin(), text.end(),
                       [&](char c) { return kind(static_cast<unsigned char>(c)) != 0; });
  };
  return has(std::isalpha) && has(std::isdigit);
}

void count_lines_of_hits(std::string_view text, std::vector<secret_hit>& hits) {
  std::stable_sort(hits.begin(), hits.end(),
                   [](const auto& a, const auto& b) { return a.offset < b.offset; });
  std::size_t counted = 0;
  std::uint32_t line = 1;
  for (auto& hit : hits) {
    line += static_cast<std::uint32_t>(
        std::count(text.begin() + static_cast<std::ptrdiff_t>(counted),
                   text.begin() + static_cast<std::ptrdiff_t>(hit.offset), '\n'));
    counted = hit.offset;
    hit.line = line;
  }
}

} // namespace

/// One search: what is found at which bytes, the more telling before the general.
class secret_search {
public:
  secret_search(const secret_scanner& scanner, std::string_view path, std::string_view text,
                std::string_view encoding, int depth)
      : scanner_(scanner), path_(path), text_(text), encoding_(encoding), depth_(depth) {}

  std::vector<secret_hit> run() {
    search();
    count_lines_of_hits(text_, hits_);
    return std::move(hits_);
  }

  std::string masked(const secret_marker& marker) {
    search();
    std::sort(spans_.begin(), spans_.end(),
              [](const span& a, const span& b) { return a.begin < b.begin; });
    std::string result;
    std::size_t position = 0;
    for (const auto& item : spans_) {
      result.append(text_.substr(position, item.begin - position));
      result += marker(text_.substr(item.begin, item.end - item.begin));
      position = item.end;
    }
    return result.append(text_.substr(position));
  }

private:
  /// Of a secret, or of text that encodes some. No two overlap.
  struct span {
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  void search() {
    search_encoded();
    scanner_.engine_->search(text_,
                             [this](std::size_t rule, std::string_view line, std::size_t offset) {
                               const auto& paths = scanner_.rules_[rule].paths;
                               if (paths.empty() || any_glob_matches(paths, path_))
                                 search_line(rule, line, offset);
                             });
  }

  bool taken(std::size_t begin, std::size_t end) const {
    return std::any_of(spans_.rbegin(), spans_.rend(),
                       [&](const span& item) { return begin < item.end && item.begin < end; });
  }

  void search_line(std::size_t index, std::string_view line, std::size_t offset) {
    const auto& rule = scanner_.rules_[index];
    const auto& expression = scanner_.engine_->expression(index);
    const bool grouped = expression.NumberOfCapturingGroups() > 0;
    std::array<re2::StringPiece, 2> match;
    std::size_t position = 0;
    while (position < line.size()
           && expression.Match({line.data(), line.size()}, position, line.size(),
                               re2::RE2::UNANCHORED, match.data(), grouped ? 2 : 1)) {
      const auto& found = match[grouped ? 1 : 0];
      const auto end = static_cast<std::size_t>(match[0].data() - line.data()) + match[0].size();
      position = std::max(end, position + 1);
      if (found.data() == nullptr)
        continue;
      std::string_view secret(found.data(), found.size());
      if (rule.block)
        secret = armoured(offset + end);
      if (!secret.empty())
        add(index, secret, line);
    }
  }

  /// The body of an armoured block that starts at `from`; empty if there is none.
  std::string_view armoured(std::size_t from) const {
    auto body = text_.substr(std::min(from, text_.size()), armour_bytes);
    body = body.substr(0, body.find("-----END"));
    std::size_t run = 0;
    for (const char c : body) {
      run = is_base64(c) ? run + 1 : 0;
      if (run == 32)
        return body;
    }
    return {};
  }

  void add(std::size_t index, std::string_view secret, std::string_view line) {
    const auto& rule = scanner_.rules_[index];
    const auto begin = static_cast<std::size_t>(secret.data() - text_.data());
    if (taken(begin, begin + secret.size()) || (rule.mixed && !is_mixed(secret))
        || entropy(secret) < rule.entropy)
      return;
    auto name = variable_before(begin);
    if (scanner_.allowed(rule, secret, line, name))
      return;
    spans_.push_back({begin, begin + secret.size()});
    secret_hit hit;
    hit.rule = static_cast<std::uint32_t>(index);
    hit.offset = begin;
    hit.length = static_cast<std::uint32_t>(secret.size());
    hit.encoding = encoding_;
    hit.fingerprint = scanner_.fingerprint(secret);
    hit.name = std::move(name);
    hits_.push_back(std::move(hit));
  }

  /// The variable that what begins at `begin` is given to; empty: none.
  std::string variable_before(std::size_t begin) const {
    const auto reach = std::min<std::size_t>(begin, 100);
    const auto before = text_.substr(begin - reach, reach);
    static const re2::RE2 given(
        R"re(([A-Za-z_][A-Za-z0-9_]{1,60})\\?["']?\s*(?:(?:=>|:=|=)\s*\\?["'`]?|:\s+["'`]?|:\\?["'`])$)re");
    std::string name;
    re2::RE2::PartialMatch({before.data(), before.size()}, given, &name);
    return name;
  }

  /// Decodes every run of base64 and looks into it.
  void search_encoded() {
    if (depth_ >= deepest)
      return;
    for (std::size_t i = 0; i + shortest_base64 <= text_.size();) {
      // A long enough run that starts here has these: from the last on, the first that is none
      // tells where the next can start.
      auto last = i + shortest_base64;
      while (last > i && is_base64(text_[last - 1]))
        --last;
      if (last > i) {
        i = last;
        continue;
      }
      const auto end = end_of_run(i);
      look_into(i, end);
      i = end;
    }
  }

  /// A run goes on over a line end where a line of it is long: encoders break at 64 or 76. What
  /// holds it may indent it.
  std::size_t end_of_run(std::size_t begin) const {
    auto line_begin = begin;
    for (auto i = begin;; ++i) {
      if (i < text_.size() && is_base64(text_[i]))
        continue;
      auto next = i;
      if (next < text_.size() && text_[next] == '\r')
        ++next;
      if (next >= text_.size() || text_[next] != '\n' || i - line_begin < 60)
        return i;
      do
        ++next;
      while (next < text_.size() && (text_[next] == ' ' || text_[next] == '\t'));
      if (next >= text_.size() || !is_base64(text_[next]))
        return i;
      i = next;
      line_begin = next;
    }
  }

  void look_into(std::size_t begin, std::size_t end) {
    const auto run = text_.substr(begin, end - begin);
    const auto shifts = text_shifts(run);
    // What stands before the encoded text may be of its alphabet: `key=`, a path, a slash.
    for (std::size_t shift = 0; shift < 4 && shift + shortest_base64 <= run.size(); ++shift) {
      if ((shifts >> shift & 1) == 0)
        continue;
      const auto decoded = decode_base64(run.substr(shift));
      if (!looks_like_text(decoded))
        continue;
      const auto inner = secret_search(scanner_, path_, decoded, "base64", depth_ + 1).run();
      for (auto hit : inner) {
        hit.offset = begin;
        hit.encoding = "base64";
        hits_.push_back(std::move(hit));
      }
      if (!inner.empty()) {
        spans_.push_back({begin, end});
        return;
      }
    }
  }

  const secret_scanner& scanner_;
  std::string_view path_;
  std::string_view text_;
  std::string_view encoding_;
  int depth_;
  std::vector<span> spans_;
  std::vector<secret_hit> hits_;
};

secret_scanner::secret_scanner(const secret_policy& policy, std::string key)
    : rules_(policy.rules), allow_paths_(policy.allow_paths), any_(policy.any),
      generic_(policy.generic), key_(std::move(key)) {
  if (rules_.empty())
    return;
  if (key_.empty())
    throw failure(exit_status::internal, "fingerprints of secrets need a key");
  std::vector<line_engine::pattern> patterns;
  std::string all = key_;
  const auto note = [&](const std::vector<std::string>& words) {
    for (const auto& word : words)
      all += word + '\0';
    all += '\1';
  };
  for (const auto& rule : rules_) {
    patterns.push_back({rule.keywords, rule.pattern});
    note(rule.keywords);
    note(rule.paths);
    note({rule.id, rule.pattern, std::to_string(rule.entropy), rule.mixed ? "mixed" : "",
          rule.block ? "block" : "", rule.generic ? "generic" : ""});
  }
  for (const auto* allowed : {&policy.any, &policy.generic}) {
    note(allowed->values);
    note(allowed->lines);
    note(allowed->names);
  }
  note(policy.allow_paths);
  engine_ = std::make_unique<line_engine>(patterns);
  digest_ = sha256_hex(all);
}

secret_scanner::allowance::allowance(const secret_allowance& from)
    : values(any_of(from.values)), lines(any_of(from.lines)), names(any_of(from.names)) {}

bool secret_scanner::allowed(const secret_rule& rule, std::string_view secret,
                             std::string_view line, const std::string& name) const {
  const auto matches = [](const std::unique_ptr<re2::RE2>& expression, std::string_view text) {
    return expression != nullptr && re2::RE2::PartialMatch({text.data(), text.size()}, *expression);
  };
  const auto covers = [&](const allowance& x) {
    // A body of armour is not a word that could be a placeholder.
    return (!rule.block && matches(x.values, secret)) || matches(x.lines, line)
           || matches(x.names, name);
  };
  return covers(any_) || (rule.generic && covers(generic_));
}

std::string secret_scanner::fingerprint(std::string_view secret) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), bytes.data(), &size);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < 6; ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

std::vector<secret_hit> secret_scanner::search(std::string_view path,
                                               std::string_view bytes) const {
  if (rules_.empty() || any_glob_matches(allow_paths_, path))
    return {};
  const auto wide = utf16_begin(bytes);
  if (!wide)
    return secret_search(*this, path, bytes, "plain", 0).run();
  // One byte for each unit, so that places in the one lead to places in the other.
  std::string narrow;
  for (auto i = *wide; i + 1 < bytes.size(); i += 2)
    narrow += bytes[i] == '\0' ? bytes[i + 1] : bytes[i + 1] == '\0' ? bytes[i] : '?';
  auto hits = secret_search(*this, path, narrow, "utf-16", 0).run();
  for (auto& hit : hits)
    hit.offset = *wide + 2 * hit.offset;
  return hits;
}

std::string mark_secret(std::string_view) {
  return std::string(masked_secret);
}

std::string secret_scanner::masked(std::string_view text, const secret_marker& marker) const {
  return rules_.empty() ? std::string(text)
                        : secret_search(*this, ".env", text, "plain", 0).masked(marker);
}

void secret_stream::add(std::string_view bytes) {
  window_ += bytes;
  if (window_.size() >= window_bytes)
    search(false);
}

std::vector<secret_hit> secret_stream::finish() {
  search(true);
  return std::move(hits_);
}

void secret_stream::search(bool last) {
  // The end of the window may cut a secret: what begins there is judged with the next one, for
  // which some of what stands before is kept.
  const auto settled = last ? window_.size() : window_.size() - waiting_bytes;
  for (auto& hit : scanner_.search(path_, window_)) {
    if (hit.offset >= settled || hit.offset + offset_ < reported_)
      continue;
    hit.line += line_ - 1;
    hit.offset += offset_;
    hits_.push_back(std::move(hit));
  }
  reported_ = offset_ + settled;
  const auto dropped = settled > waiting_bytes ? settled - waiting_bytes : 0;
  line_ += static_cast<std::uint32_t>(
      std::count(window_.begin(), window_.begin() + static_cast<std::ptrdiff_t>(dropped), '\n'));
  window_.erase(0, dropped);
  offset_ += dropped;
}

double entropy(std::string_view text) {
  std::array<std::size_t, 256> counts{};
  for (const char c : text)
    ++counts[static_cast<unsigned char>(c)];
  double bits = 0;
  for (const auto count : counts) {
    if (count == 0)
      continue;
    const auto share = static_cast<double>(count) / static_cast<double>(text.size());
    bits -= share * std::log2(share);
  }
  return bits;
}

std::string length_class(std::uint32_t length) {
  constexpr std::array<std::uint32_t, 6> bounds{8, 16, 24, 40, 80, 200};
  std::uint32_t from = 0;
  for (const auto bound : bounds) {
    if (length < bound)
      return std::to_string(from) + "-" + std::to_string(bound - 1);
    from = bound;
  }
  return std::to_string(from) + " or more";
}

std::string fingerprint_key(const std::string& file) {
  std::array<unsigned char, 32> bytes{};
  std::error_code ec;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(), ec);
  const auto read = [&] {
    std::ifstream in(file, std::ios::binary);
    std::string key((std::istreambuf_iterator<char>(in)), {});
    return key;
  };
  if (auto key = read(); key.size() == bytes.size())
    return key;
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    throw failure(exit_status::internal, "no random bytes for the key of fingerprints");
  // Made whole under another name and linked: of several steps that start at once, one wins.
  const auto temporary = file + "." + std::to_string(::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool ok = fd >= 0 && ::write(fd, bytes.data(), bytes.size()) == ssize_t{bytes.size()};
  if (fd >= 0)
    ::close(fd);
  if (ok && ::link(temporary.c_str(), file.c_str()) != 0 && errno == EEXIST
      && read().size() != bytes.size())
    ::rename(temporary.c_str(), file.c_str()); // a damaged one
  ::unlink(temporary.c_str());
  auto key = read();
  if (key.size() != bytes.size())
    throw failure(exit_status::try_again,
                  file + ": cannot be written (free space or fix permissions, then run again)");
  return key;
}

} // namespace aeo::consolidate
