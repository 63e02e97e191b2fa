#include "app/dev_setup.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "app/config_registrations.hpp"
#include "app/read_file.hpp"
#include "crypto/kek.hpp"

namespace evergrant {
namespace {

constexpr std::string_view shipped_base = "http://127.0.0.1:9500";

void replace(std::string& text, const std::string& from, const std::string& to) {
  if (text.starts_with(from)) text.replace(0, from.size(), to);
}

std::string host_of(const std::string& base) { return base.substr(base.find("//") + 2); }

}  // namespace

std::filesystem::path DevPaths::kek() const {
  auto path = data.lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  path += ".kek";
  return path;
}

Result<bool> prepare(const DevPaths& paths, Random& random) {
  std::error_code error;
  std::filesystem::create_directories(paths.data, error);
  if (error)
    return fail(Errc::store_unavailable, paths.data.string() + " cannot be made: " + error.message(),
                "name another with --data-dir");
  ::chmod(paths.data.c_str(), S_IRWXU);
  if (std::filesystem::exists(paths.kek(), error)) return false;
  if (std::filesystem::exists(paths.store(), error)) {
    return fail(Errc::key_unavailable,
                paths.kek().string() + " is gone, and " + paths.store().string() + " was sealed with it",
                "put the key back, or begin anew with another --data-dir");
  }
  const Secret text = generate_kek_text(random);
  auto written = write_private_file(paths.kek().string(), std::string{text.reveal()} + "\n");
  if (!written) return std::unexpected(written.error());
  return true;
}

Result<> lock_folder(const DevPaths& paths) {
  const int file = ::open(paths.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return fail(Errc::store_unavailable, paths.lock().string() + " cannot be made");
  if (::flock(file, LOCK_EX | LOCK_NB) == 0) return {};  // the descriptor stays open: the lock ends with the process
  ::close(file);
  return fail(Errc::conflict, "another development server uses " + paths.data.string(),
              "stop it first, or name another folder with --data-dir");
}

Provider moved(Provider provider, const std::string& from, const std::string& to) {
  auto& ends = provider.endpoints;
  const std::array texts{&provider.issuer,
                         &provider.metadata_url,
                         &ends.authorize,
                         &ends.token,
                         &ends.refresh,
                         &ends.revoke,
                         &ends.introspect,
                         &ends.userinfo,
                         &ends.jwks,
                         &ends.device,
                         &ends.par,
                         &provider.realm.verify_url,
                         &provider.realm.list_url,
                         &provider.inject.api_base};
  for (auto* text : texts) replace(*text, from, to);
  for (auto& host : provider.inject.allowed_hosts) {
    if (host == host_of(from)) host = host_of(to);
  }
  return provider;
}

Result<Registration> sandbox_registration(const ProviderCatalogue& catalogue, const std::string& base_url,
                                          const std::string& public_url, const std::vector<std::string>& return_urls) {
  const Provider* profile = catalogue.find(ProviderId{"sandbox"});
  if (profile == nullptr) return fail(Errc::not_found, "the profile providers/sandbox.toml is missing");
  Registration registration;
  registration.id = RegistrationId{"sandbox"};
  registration.provider = moved(*profile, std::string{shipped_base}, base_url);
  registration.client_id = "sandbox-client";
  registration.client_secrets.push_back({.value = Secret{"sandbox-secret"}, .expires_at = std::nullopt});
  registration.redirect_uri = redirect_uri(public_url, "sandbox");
  registration.scopes = profile->authorize.default_scopes;
  registration.return_urls = return_urls;
  return registration;
}

}  // namespace evergrant
