// Put in front of the C library with LD_PRELOAD: the server's own requests to the provider and writes to its store pass
// here. libcurl sends with send and receives with recv; SQLite opens with open64, writes with pwrite64 and syncs with
// fdatasync.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <string>
#include <string_view>

#include "real_calls.hpp"
#include "trigger.hpp"

namespace evergrant::kill {

namespace {

template <class Function>
void find(Function& function, const char* name) {
  function = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

RealCalls find_all() {
  RealCalls calls{};
  find(calls.open, "open64");
  find(calls.close, "close");
  find(calls.fcntl, "fcntl64");
  find(calls.write, "write");
  find(calls.writev, "writev");
  find(calls.pwrite, "pwrite64");
  find(calls.ftruncate, "ftruncate64");
  find(calls.fsync, "fsync");
  find(calls.fdatasync, "fdatasync");
  find(calls.rename, "rename");
  find(calls.unlink, "unlink");
  find(calls.connect, "connect");
  find(calls.send, "send");
  find(calls.recv, "recv");
  return calls;
}

// --- the provider ---

enum class Talk : std::uint8_t { none, connected, heading, asked, answered };  // heading: the body is still to come
std::array<Talk, 65536> talks{};                                               // by descriptor, under the trigger's lock

Talk* talk_on(int socket) {
  if (socket < 0 || static_cast<std::size_t>(socket) >= talks.size()) return nullptr;
  Talk& talk = talks[static_cast<std::size_t>(socket)];
  return talk == Talk::none ? nullptr : &talk;
}

bool is_provider(const sockaddr* address, int port) {
  if (address->sa_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port) == port;
  if (address->sa_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(address)->sin6_port) == port;
  return false;
}

void note_connected(int socket, const sockaddr* address) {
  Trigger& trigger = Trigger::get();
  if (trigger.port() == 0 || address == nullptr || !is_provider(address, trigger.port())) return;
  const std::scoped_lock held{trigger.lock()};
  if (socket >= 0 && static_cast<std::size_t>(socket) < talks.size()) {
    talks[static_cast<std::size_t>(socket)] = Talk::connected;
  }
}

// libcurl sends a heading and a body, together or one after the other.
struct Part {
  bool begins = false;
  bool ends = false;
};

Part part_of_token_request(Talk talk, std::string_view sent) {
  if (talk == Talk::heading) return {.begins = false, .ends = true};
  if (!sent.starts_with("POST /token")) return {};
  const auto body = sent.find("\r\n\r\n");
  return {.begins = true, .ends = body != std::string_view::npos && body + 4 < sent.size()};
}

// The lock is not held while the kernel works: another thread's death must not wait for this one's socket.
ssize_t send_seen(int socket, const void* bytes, std::size_t length, int flags) {
  Trigger& trigger = Trigger::get();
  Part part;
  {
    const std::scoped_lock held{trigger.lock()};
    const Talk* talk = talk_on(socket);
    if (talk != nullptr) part = part_of_token_request(*talk, {static_cast<const char*>(bytes), length});
    if (part.begins) trigger.sending();
    if (part.begins) trigger.pass(Point::before_send);
  }
  const ssize_t sent = real().send(socket, bytes, length, flags);
  if ((!part.begins && !part.ends) || sent <= 0) return sent;
  const int error = errno;
  const std::scoped_lock held{trigger.lock()};
  if (Talk* talk = talk_on(socket)) *talk = part.ends ? Talk::asked : Talk::heading;
  trigger.pass(part.ends ? Point::after_send : Point::in_send);
  errno = error;
  return sent;
}

void note_received(int socket, ssize_t received) {
  if (received <= 0) return;
  Trigger& trigger = Trigger::get();
  const std::scoped_lock held{trigger.lock()};
  Talk* talk = talk_on(socket);
  if (talk == nullptr || *talk != Talk::asked) return;
  *talk = Talk::answered;
  trigger.count_answer();
  trigger.pass(Point::after_receive);
}

// --- the disk ---

bool log_is_dirty = false;  // frames were written since the last sync; under the trigger's lock

// Does `change` under the lock, with what is noted before it and the points around it.
template <class Note, class Change>
auto change_file(int file, Note note, Change change) {
  Trigger& trigger = Trigger::get();
  UnsyncedChanges* changes = trigger.changes();
  const auto kind = changes == nullptr ? UnsyncedChanges::Kind::elsewhere : changes->kind_of(file);
  if (kind == UnsyncedChanges::Kind::elsewhere) return change();
  const bool is_log = kind == UnsyncedChanges::Kind::log;
  const std::scoped_lock held{trigger.lock()};
  if (is_log && !log_is_dirty) trigger.pass(Point::before_commit);
  if (is_log) log_is_dirty = true;
  note(*changes);
  const auto result = change();
  trigger.pass(is_log ? Point::in_commit : Point::in_checkpoint);
  return result;
}

ssize_t write_seen(int file, const void* bytes, std::size_t length) {
  const std::string_view data{static_cast<const char*>(bytes), length};
  return change_file(
      file,
      [&](UnsyncedChanges& changes) {
        struct stat state{};
        const bool appends = (::fcntl(file, F_GETFL) & O_APPEND) != 0 && ::fstat(file, &state) == 0;
        const off_t at = appends ? state.st_size : ::lseek(file, 0, SEEK_CUR);
        changes.will_write(file, static_cast<std::uint64_t>(at), std::string{data});
      },
      [&] { return real().write(file, bytes, length); });
}

ssize_t writev_seen(int file, const iovec* parts, int count) {
  UnsyncedChanges* changes = Trigger::get().changes();
  if (changes == nullptr || changes->kind_of(file) == UnsyncedChanges::Kind::elsewhere) {
    return real().writev(file, parts, count);
  }
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  return write_seen(file, bytes.data(), bytes.size());
}

ssize_t pwrite_seen(int file, const void* bytes, std::size_t length, off_t offset) {
  const std::string_view data{static_cast<const char*>(bytes), length};
  return change_file(
      file,
      [&](UnsyncedChanges& changes) { changes.will_write(file, static_cast<std::uint64_t>(offset), std::string{data}); },
      [&] { return real().pwrite(file, bytes, length, offset); });
}

int truncate_seen(int file, off_t size) {
  return change_file(
      file, [&](UnsyncedChanges& changes) { changes.will_truncate(file, static_cast<std::uint64_t>(size)); },
      [&] { return real().ftruncate(file, size); });
}

// The lock is not held while the disk works: requests go on being sent meanwhile.
int sync_seen(int file, int (*sync)(int)) {
  Trigger& trigger = Trigger::get();
  UnsyncedChanges* changes = trigger.changes();
  if (changes == nullptr) return sync(file);
  const auto kind = changes->kind_of(file);
  const bool is_log = kind == UnsyncedChanges::Kind::log;
  UnsyncedChanges::Mark begun;
  {
    const std::scoped_lock held{trigger.lock()};
    if (is_log) trigger.pass(Point::before_sync);
    begun = changes->mark(file);
  }
  const int result = changes->lies() ? 0 : sync(file);
  const int error = errno;
  const std::scoped_lock held{trigger.lock()};
  if (result == 0) changes->synced(file, begun);
  if (is_log) log_is_dirty = false;
  if (is_log) trigger.pass(Point::after_commit);
  if (kind == UnsyncedChanges::Kind::other) trigger.pass(Point::in_checkpoint);
  errno = error;
  return result;
}

int open_seen(const char* path, int flags, mode_t mode) {
  Trigger& trigger = Trigger::get();
  UnsyncedChanges* changes = trigger.changes();
  if (changes == nullptr || !changes->holds(path)) return real().open(path, flags, mode);
  const std::scoped_lock held{trigger.lock()};
  const bool existed = ::access(path, F_OK) == 0;
  if (existed && (flags & O_TRUNC) != 0) {
    const int before = real().open(path, O_RDWR | O_CLOEXEC, 0);
    if (before >= 0) {
      changes->will_truncate(before, 0);
      real().close(before);
    }
  }
  const int file = real().open(path, flags, mode);
  if (file >= 0 && !existed) changes->created(path);
  return file;
}

// The lock that a writer holds from its first change to the end of its commit is one byte of the shared-memory index.
constexpr off_t writers_lock = 120;

int fcntl_seen(int file, int command, void* argument) {
  const int result = real().fcntl(file, command, argument);
  if (command != F_SETLK || result != 0) return result;
  const auto* lock = static_cast<const struct flock*>(argument);
  Trigger& trigger = Trigger::get();
  if (trigger.changes() == nullptr || lock->l_type != F_UNLCK || lock->l_start != writers_lock) return result;
  const std::scoped_lock held{trigger.lock()};
  trigger.pass(Point::unlocked);
  return result;
}

mode_t mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
}

int close_seen(int file) {
  Trigger& trigger = Trigger::get();
  {
    const std::scoped_lock held{trigger.lock()};
    if (Talk* talk = talk_on(file)) *talk = Talk::none;
  }
  return real().close(file);
}

// Does `change` of a name under the lock, with what is noted before it.
template <class Note, class Change>
int change_name(const char* path, Note note, Change change) {
  Trigger& trigger = Trigger::get();
  UnsyncedChanges* changes = trigger.changes();
  if (changes == nullptr || !changes->holds(path) || ::access(path, F_OK) != 0) return change();
  const std::scoped_lock held{trigger.lock()};
  note(*changes);
  return change();
}

int unlink_seen(const char* path) {
  return change_name(
      path, [&](UnsyncedChanges& changes) { changes.will_unlink(path); }, [&] { return real().unlink(path); });
}

}  // namespace

const RealCalls& real() {
  static const RealCalls calls = find_all();
  return calls;
}

}  // namespace evergrant::kill

using namespace evergrant::kill;  // NOLINT: the functions below belong to the C library

extern "C" {

int connect(int socket, const sockaddr* address, socklen_t length) {
  note_connected(socket, address);
  return real().connect(socket, address, length);
}

ssize_t send(int socket, const void* bytes, size_t length, int flags) { return send_seen(socket, bytes, length, flags); }

ssize_t recv(int socket, void* bytes, size_t length, int flags) {
  const ssize_t received = real().recv(socket, bytes, length, flags);
  note_received(socket, received);
  return received;
}

ssize_t write(int file, const void* bytes, size_t length) { return write_seen(file, bytes, length); }

ssize_t writev(int file, const iovec* parts, int count) { return writev_seen(file, parts, count); }

ssize_t pwrite(int file, const void* bytes, size_t length, off_t offset) { return pwrite_seen(file, bytes, length, offset); }
ssize_t pwrite64(int file, const void* bytes, size_t length, off64_t offset) {
  return pwrite_seen(file, bytes, length, offset);
}

int ftruncate(int file, off_t size) noexcept { return truncate_seen(file, size); }
int ftruncate64(int file, off64_t size) noexcept { return truncate_seen(file, size); }
int fsync(int file) { return sync_seen(file, real().fsync); }
int fdatasync(int file) { return sync_seen(file, real().fdatasync); }
int close(int file) { return close_seen(file); }

int fcntl(int file, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  return fcntl_seen(file, command, argument);
}

int fcntl64(int file, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  return fcntl_seen(file, command, argument);
}

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_seen(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_seen(path, flags, mode);
}

int rename(const char* from, const char* to) noexcept {
  return change_name(
      from, [&](UnsyncedChanges& changes) { changes.will_rename(from, to); }, [&] { return real().rename(from, to); });
}

int unlink(const char* path) noexcept { return unlink_seen(path); }
int remove(const char* path) noexcept {
  struct stat state{};
  const bool folder = ::lstat(path, &state) == 0 && S_ISDIR(state.st_mode);
  return folder ? ::rmdir(path) : unlink_seen(path);
}

}  // extern "C"
