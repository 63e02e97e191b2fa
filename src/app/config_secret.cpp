#include "app/config_secret.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

namespace evergrant {
namespace {

constexpr std::size_t max_size = 64U << 10U;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_{number} {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int number() const noexcept { return number_; }

 private:
  int number_;
};

std::string octal(mode_t mode) {
  std::string digits;
  for (unsigned rest = mode & 07777U; rest != 0 || digits.size() < 4; rest >>= 3U)
    digits += static_cast<char>('0' + (rest & 7U));
  return {digits.rbegin(), digits.rend()};
}

// At start-up, before there are threads that could change the environment.
const char* value_of_variable(const char* name) {
  return std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
}

Secret without_newline(Secret secret) {
  auto text = secret.reveal();
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text.size() == secret.size() ? std::move(secret) : Secret{text};
}

Result<Secret> read_all(const Descriptor& file, std::size_t size, const std::string& path) {
  Secret contents = Secret::of_size(size);
  std::size_t done = 0;
  while (done < size) {
    const auto got = ::read(file.number(), contents.bytes().data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail(Errc::key_unavailable, "file " + path + " cannot be read to its end");
    done += static_cast<std::size_t>(got);
  }
  return contents;
}

// The file that was checked is the file that is read: one descriptor for both.
Result<Secret> read_file(const std::string& path, bool must_be_private) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.number() < 0) {
    return fail(Errc::key_unavailable, "file " + path + " cannot be opened: " + std::generic_category().message(errno),
                "put the secret there, and let only evergrant's user read it: chmod 600 " + path);
  }
  struct stat facts{};
  if (::fstat(file.number(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    return fail(Errc::invalid_argument, path + " is not a regular file");
  }
  if (must_be_private && (facts.st_mode & 077U) != 0) {
    return fail(Errc::invalid_argument,
                "file " + path + " is open to its group or to others (mode " + octal(facts.st_mode) + ")",
                "chmod 600 " + path);
  }
  const auto size = static_cast<std::size_t>(facts.st_size);
  if (size > max_size) return fail(Errc::invalid_argument, "file " + path + " is larger than 64 KiB");
  auto contents = read_all(file, size, path);
  if (!contents) return contents;
  return without_newline(std::move(*contents));
}

bool is_systemd_credential(const std::string& path) {
  const char* directory = value_of_variable("CREDENTIALS_DIRECTORY");
  return directory != nullptr && path.starts_with(std::string{directory} + '/');
}

Result<Secret> read_variable(const std::string& name) {
  const char* value = value_of_variable(name.c_str());
  if (value == nullptr) {
    return fail(Errc::key_unavailable, "environment variable " + name + " is not set", "set it where evergrant is started");
  }
  return Secret{value};
}

Result<Secret> read_credential(const std::string& name) {
  const char* directory = value_of_variable("CREDENTIALS_DIRECTORY");
  if (directory == nullptr) {
    return fail(Errc::key_unavailable, "there is no credential " + name + ": CREDENTIALS_DIRECTORY is not set",
                "start evergrant from a systemd unit with LoadCredential=" + name + ":/path/of/the/secret");
  }
  if (name.contains('/') || name == "..") {
    return fail(Errc::invalid_argument, "credential " + name + " is not the name of a credential",
                "give a name without '/'");
  }
  // systemd guards the directory; an access list on the file shows as group bits, so its mode says nothing.
  return read_file(std::string{directory} + '/' + name, false);
}

Result<Secret> read(const SecretReference& reference) {
  switch (reference.place) {
    case SecretPlace::none: return fail(Errc::key_unavailable, "no secret is configured");
    case SecretPlace::environment: return read_variable(reference.name);
    case SecretPlace::file: return read_file(reference.name, true);
    case SecretPlace::credential: return read_credential(reference.name);
    case SecretPlace::application: return fail(Errc::internal, "the application's secret is not read here");
  }
  return fail(Errc::internal, "unknown place of a secret");
}

}  // namespace

std::string to_text(const SecretReference& reference) {
  switch (reference.place) {
    case SecretPlace::none: return "{}";
    case SecretPlace::environment: return "{ env = \"" + reference.name + "\" }";
    case SecretPlace::file: return "{ file = \"" + reference.name + "\" }";
    case SecretPlace::credential: return "{ credential = \"" + reference.name + "\" }";
    case SecretPlace::application: return "the application's " + reference.name;
  }
  return "{}";
}

Result<> check_private(const std::string& path) {
  const auto contents = read_file(path, !is_systemd_credential(path));
  if (!contents) return std::unexpected(contents.error());
  return {};
}

Result<Secret> resolve(const SecretReference& reference) {
  auto secret = read(reference);
  if (secret && secret->empty()) {
    return fail(Errc::key_unavailable, "the secret " + to_text(reference) + " is empty", "put the secret there");
  }
  return secret;
}

void forget_variable(const SecretReference& reference) noexcept {
  if (reference.place != SecretPlace::environment) return;
  char* value = std::getenv(reference.name.c_str());  // NOLINT(concurrency-mt-unsafe)
  if (value != nullptr) explicit_bzero(value, std::strlen(value));
}

}  // namespace evergrant
