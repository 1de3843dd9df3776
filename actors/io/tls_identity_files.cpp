#include "actors/io/files.hpp"
#include "actors/io/tls_identity.hpp"
#include "messages/type_ids.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace aeo::io {

namespace {

constexpr std::int64_t day_us = 86'400'000'000;
constexpr std::int64_t authority_life_us = 3650 * day_us;
constexpr std::int64_t node_life_us = 365 * day_us;
constexpr off_t max_private_file = 16 * 1024 * 1024;

struct identity_files {
  std::filesystem::path certificate;
  std::filesystem::path key;
  const char* way_out; ///< What to do when one of them is damaged.
};

caf::error cannot_read(const std::filesystem::path& file, const std::string& why) {
  return caf::make_error(ec::storage_failed, "cannot read " + file.string() + ": " + why);
}

caf::error check_privacy(const std::filesystem::path& file, const struct stat& info) {
  if (!S_ISREG(info.st_mode))
    return cannot_read(file, "it is no regular file");
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return caf::make_error(ec::bad_configuration,
                           file.string()
                               + " is open to others than its owner; once you trust what is in it: "
                                 "chmod 600 "
                               + file.string());
  if (info.st_size > max_private_file)
    return cannot_read(file, "it is far too large");
  return {};
}

/// 0 or an errno.
int read_to_end(int fd, std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const auto n = ::read(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR)
      return errno;
    if (n == 0)
      break;
    done += n > 0 ? static_cast<std::size_t>(n) : 0;
  }
  text.resize(done);
  return 0;
}

caf::expected<std::filesystem::path> make_tls_folder(const std::filesystem::path& private_dir) {
  auto dir = private_dir / "tls";
  if (::mkdir(dir.c_str(), S_IRWXU) != 0 && errno != EEXIST)
    return file_error("make the folder", dir, errno);
  // Through a link, keys would end up in a place of somebody else's choice.
  const unique_fd opened{::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (!opened)
    return file_error("open the folder", dir, errno);
  if (::fchmod(opened.get(), S_IRWXU) != 0)
    return file_error("set the permissions of", dir, errno);
  return dir;
}

caf::error damaged_identity(const std::filesystem::path& file, const std::string& what,
                            const identity_files& files) {
  return caf::make_error(ec::corrupt_state,
                         file.string() + ": " + what
                             + ". Nothing was changed. Put back a copy of it, or " + files.way_out);
}

/// nullopt: there is no certificate, or no key.
caf::expected<std::optional<pem_identity>> read_identity(const identity_files& files) {
  auto certificate = read_private_file(files.certificate);
  if (!certificate)
    return std::move(certificate.error());
  auto key = read_private_file(files.key);
  if (!key)
    return std::move(key.error());
  if (*certificate)
    if (auto info = describe_certificate(**certificate); !info)
      return damaged_identity(files.certificate, message_of(info.error()), files);
  if (!*certificate || !*key)
    return std::optional<pem_identity>{};
  pem_identity result{std::move(**certificate), std::move(**key)};
  if (const auto flaw = flaw_of(result); !flaw.empty())
    return damaged_identity(files.key, flaw + " (" + files.certificate.string() + ')', files);
  return std::optional{std::move(result)};
}

/// A crash leaves the old pair, the new one or no certificate, but never two that do not match.
caf::error write_identity(const identity_files& files, const pem_identity& x) {
  if (::unlink(files.certificate.c_str()) != 0 && errno != ENOENT)
    return file_error("remove", files.certificate, errno);
  if (auto err = sync_directory(files.certificate.parent_path()))
    return err;
  if (auto err = replace_file(files.key, x.key, S_IRUSR | S_IWUSR))
    return err;
  return replace_file(files.certificate, x.certificate, S_IRUSR | S_IWUSR);
}

bool is_due(const pem_identity& x, std::int64_t now_us) {
  const auto info = describe_certificate(x.certificate);
  return !info || info->until_us - now_us < (info->until_us - info->from_us) / 3;
}

bool is_there(const std::filesystem::path& file) {
  return ::access(file.c_str(), F_OK) == 0;
}

caf::expected<pem_identity> open_authority(const std::filesystem::path& dir, std::int64_t now_us,
                                           std::string& notes) {
  const identity_files files{dir / "ca.pem", dir / "ca.key",
                             "remove ca.pem and ca.key: a new authority is then made, and all "
                             "credentials must be issued anew"};
  auto held = read_identity(files);
  if (!held)
    return std::move(held.error());
  if (*held && !is_issued_by((*held)->certificate, (*held)->certificate))
    return damaged_identity(files.certificate, "it is no authority's certificate", files);
  if (*held && !is_due(**held, now_us))
    return std::move(**held);
  if (!*held && is_there(files.certificate))
    return damaged_identity(files.key, "it is missing", files);
  const bool first = !is_there(files.key);
  auto made = make_authority("aeo authority", now_us, now_us + authority_life_us);
  if (!made)
    return made;
  if (auto err = write_identity(files, *made))
    return err;
  if (!first)
    notes += "the authority " + files.certificate.string()
             + (*held ? " was near its end" : " was missing")
             + " and was made anew: all credentials are invalid; revoke them and issue new ones\n";
  return made;
}

caf::expected<pem_identity> open_node(const std::filesystem::path& dir,
                                      const pem_identity& authority, std::int64_t now_us) {
  const identity_files files{dir / "node.pem", dir / "node.key",
                             "remove node.pem and node.key: new ones are then made"};
  auto held = read_identity(files);
  if (!held)
    return std::move(held.error());
  // After a crash the authority may be newer than the node's certificate.
  if (*held && !is_due(**held, now_us) && is_issued_by((*held)->certificate, authority.certificate))
    return std::move(**held);
  auto made = issue_certificate(authority, "aeo node", certificate_use::server, now_us,
                                now_us + node_life_us);
  if (!made)
    return made;
  if (auto err = write_identity(files, *made))
    return err;
  return made;
}

} // namespace

caf::expected<node_identity> open_node_identity(const std::filesystem::path& workspace,
                                                std::int64_t now_us, std::string& notes) {
  const auto private_dir = make_private_directory(workspace);
  if (!private_dir)
    return private_dir.error();
  const auto lock = lock_credentials(*private_dir);
  if (!lock)
    return lock.error();
  const auto dir = make_tls_folder(*private_dir);
  if (!dir)
    return dir.error();
  auto authority = open_authority(*dir, now_us, notes);
  if (!authority)
    return std::move(authority.error());
  auto node = open_node(*dir, *authority, now_us);
  if (!node)
    return std::move(node.error());
  return node_identity{std::move(*authority), std::move(*node)};
}

caf::expected<std::optional<std::string>> read_private_file(const std::filesystem::path& file) {
  // Non-blocking: a pipe that has this name must not hold anybody up.
  const unique_fd fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!fd && errno == ENOENT)
    return std::optional<std::string>{};
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0)
    return cannot_read(file, std::strerror(errno));
  if (auto err = check_privacy(file, info))
    return err;
  std::string text(static_cast<std::size_t>(info.st_size), '\0');
  if (const auto error = read_to_end(fd.get(), text))
    return cannot_read(file, std::strerror(error));
  return std::optional{std::move(text)};
}

caf::expected<unique_fd> lock_credentials(const std::filesystem::path& private_directory) {
  const auto file = private_directory / "credentials.lock";
  unique_fd fd{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR)};
  if (!fd)
    return file_error("open", file, errno);
  while (::flock(fd.get(), LOCK_EX) != 0)
    if (errno != EINTR)
      return file_error("lock", file, errno);
  return fd;
}

} // namespace aeo::io
