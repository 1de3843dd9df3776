#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// Undoes git's C-style quoting of a path, if it is quoted.
std::string unquote_path(std::string_view text);
/// Quotes a path where `git fast-import` needs it: a line break in it or a quote in front.
std::string quote_path(std::string_view raw);
/// An author line that fast-import accepts: `NAME <MAIL> SECONDS ZONE`. History has worse.
std::string repaired_identity(std::string_view text, bool& repaired);

/// Rewrites a `git fast-export --no-data --show-original-ids` stream on its way to
/// `git fast-import`: paths and references get their names in the monorepo, all else stays byte
/// for byte. The grammar it reads, line by line:
///
///   commit REF | reset REF | tag NAME         the name is mapped
///   mark :N | original-oid ID                 remembered: which commit became which
///   author|committer|tagger IDENTITY          repaired if fast-import would refuse it
///   data N LF <N bytes>                       copied
///   M MODE ID PATH | D PATH                   the path is mapped
///   anything else                             copied
class stream_rewriter {
public:
  std::function<std::string(std::string_view)> map_path;
  std::function<std::string(std::string_view)> map_ref;
  std::function<std::string(std::string_view)> map_tag;

  struct exported_commit {
    std::uint64_t mark = 0;
    std::string original;
  };

  /// Copies from one file descriptor to the other until the end. Throws `failure` if either
  /// breaks.
  void run(int in, int out);

  const std::vector<exported_commit>& commits() const { return commits_; }
  std::size_t identities_repaired() const { return repaired_; }

private:
  void line(std::string_view text, std::string& out);

  bool in_commit_ = false;
  std::uint64_t mark_ = 0;
  std::size_t repaired_ = 0;
  std::vector<exported_commit> commits_;
};

/// Copies one descriptor to another until the end of the input.
void copy_stream(int in, int out);
void write_fully(int out, std::string_view bytes);

} // namespace aeo::consolidate
