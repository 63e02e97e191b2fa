#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "app/config_registrations.hpp"
#include "base/encoding.hpp"
#include "library/embedded_engine.hpp"
#include "store/escrow_file.hpp"

namespace evergrant::library {
namespace {

// Runs `task` to its end on the calling thread.
template <class T>
Result<T> run_here(Task<Result<T>> task) {
  RunLoop loop;
  std::optional<Result<T>> result;
  spawn(loop, [](Task<Result<T>> inner, std::optional<Result<T>>& to, RunLoop& ends) -> Task<void> {
    to.emplace(co_await std::move(inner));
    ends.stop();
  }(std::move(task), result, loop));
  loop.run();
  return std::move(*result);
}

Result<std::string> id_of_store(evergrant::Store& store) {
  auto id = run_here(store.meta("store_id"));
  if (!id) return std::unexpected(id.error());
  if (!*id) return fail(Errc::internal, "the store has no id", "Report it: the store gets one when it is opened.");
  return std::move(**id);
}

// A registration's own secrets, by the names of their fields.
std::array<std::pair<std::string_view, const Secret*>, 5> secrets_in(const RegistrationOptions& registration) {
  return {{{"client_secret", &registration.client_secret},
           {"previous_client_secret", &registration.previous_client_secret},
           {"client_key", &registration.client_key.pem},
           {"next_client_key", &registration.next_client_key.pem},
           {"previous_client_key", &registration.previous_client_key.pem}}};
}

std::string secret_name(const RegistrationOptions& registration, std::string_view field) {
  return std::string{field} + " of " + registration.id;
}

SecretReference reference_to(const RegistrationOptions& registration, const Secret& secret, std::string_view field) {
  if (secret.empty()) return {};
  return {.place = SecretPlace::application, .name = secret_name(registration, field)};
}

Result<ClientKeyConfig> key_of(const RegistrationOptions& registration, const ClientKeyOptions& from,
                               std::string_view field) {
  const auto* const algorithm = std::ranges::find(client_key_algorithms, from.algorithm);
  if (algorithm == client_key_algorithms.end()) {
    return fail(Errc::invalid_argument,
                secret_name(registration, field) + ": no such algorithm, \"" + printable(from.algorithm, 20) + "\"",
                "ClientKeyOptions::algorithm: ES256, PS256, EdDSA or RS256");
  }
  return ClientKeyConfig{.given = !from.pem.empty(),
                         .pem = reference_to(registration, from.pem, field),
                         .algorithm = *algorithm,
                         .kid = from.kid};
}

// Table headers as the configuration has them, so that messages say where something is wrong.
Result<RegistrationConfig> configured(const RegistrationOptions& from) {
  if (from.id.empty() || from.provider.empty() || from.client_id.empty()) {
    return fail(Errc::invalid_argument, "a registration lacks its id, provider or client_id",
                "RegistrationOptions: all three are needed");
  }
  RegistrationConfig to;
  to.id = from.id;
  to.provider = from.provider;
  to.environment = from.environment;
  to.client_id = from.client_id;
  to.client_secret = reference_to(from, from.client_secret, "client_secret");
  to.previous_client_secret = reference_to(from, from.previous_client_secret, "previous_client_secret");
  for (const auto& [key, options, field] :
       {std::tuple{&to.client_key, &from.client_key, "client_key"},
        std::tuple{&to.next_client_key, &from.next_client_key, "next_client_key"},
        std::tuple{&to.previous_client_key, &from.previous_client_key, "previous_client_key"}}) {
    auto made = key_of(from, *options, field);
    if (!made) return std::unexpected(made.error());
    *key = std::move(*made);
  }
  to.scopes = from.scopes;
  to.return_urls = from.return_urls;
  auto profile = parse_toml(from.profile_toml, "profile_toml of registration " + from.id);
  if (!profile) return std::unexpected(profile.error());
  to.profile = std::move(*profile);
  return to;
}

Result<Config> config_of(const Options& options, const std::filesystem::path& store) {
  Config config;
  config.file = "Options";
  config.public_url = options.public_url;
  config.store = store;
  config.http_client.ca_file = options.ca_file.string();
  config.refresh.reader_wait = options.wait;
  config.refresh.cache_entries = options.cached_connections;
  if (!options.store_is_shared) config.refresh.recheck = Duration{0};
  const bool plain = options.public_url.starts_with("http://");
  if ((!plain && !options.public_url.starts_with("https://")) || options.public_url.ends_with('/')) {
    return fail(Errc::invalid_argument,
                "Options::public_url \"" + printable(options.public_url, 200) + "\" is no such address",
                "give the application's own, as https://app.example.com, without a slash at the end");
  }
  for (const auto& registration : options.registrations) {
    auto made = configured(registration);
    if (!made) return std::unexpected(made.error());
    config.registrations.push_back(std::move(*made));
  }
  return config;
}

SecretReader secrets_of(const Options& options) {
  return [&options](const SecretReference& reference) -> Result<Secret> {
    for (const auto& registration : options.registrations) {
      for (const auto& [field, secret] : secrets_in(registration)) {
        if (reference.name == secret_name(registration, field)) return secret->clone();
      }
    }
    return fail(Errc::internal, "no such secret");
  };
}

Result<std::unique_ptr<Escrow>> escrow_of(const Config& config, Store::Impl& store, const std::string& owner,
                                          const Log& log) {
  const auto id = id_of_store(*store.store);
  if (!id) return std::unexpected(id.error());
  return open_file_escrow({.path = config.escrow_path(),
                           .store = *id,
                           .owner = owner,
                           .capacity = config.escrow_bytes,
                           .inline_execution = store.threads == Threads::application},
                          log);
}

}  // namespace

Result<std::unique_ptr<TokenManager::Impl>> TokenManager::Impl::make(Options options, Seams seams) {
  if (!seams.store || !seams.kek) {
    return fail(Errc::invalid_argument, "a TokenManager needs a store and a KEK",
                "Seams: make them with open_sqlite_store, kek_from_file");
  }
  auto config = config_of(options, seams.store->impl().path);
  if (!config) return std::unexpected(config.error());
  const auto catalogue = load_profiles(options.profiles);
  if (!catalogue) return std::unexpected(catalogue.error());
  auto registrations = make_registrations(*config, *catalogue, secrets_of(options));
  if (!registrations) return std::unexpected(registrations.error());
  std::string owner = SystemRandom{}.id("lib_");  // unique per start: a lease of an earlier life is a stranger's
  const auto log = Log::silent();
  auto escrow = escrow_of(*config, seams.store->impl(), owner, *seams.store->impl().log);
  if (!escrow) return std::unexpected(escrow.error());
  auto impl = std::make_unique<Impl>(std::move(options), std::move(seams), std::move(*config), *catalogue,
                                     std::move(*registrations), std::move(*escrow), std::move(owner));
  if (impl->curl) {
    const bool own = impl->options.threads == Threads::own;
    if (auto ready = own ? impl->curl->start() : impl->curl->open(); !ready) return std::unexpected(ready.error());
  }
  return impl;
}

}  // namespace evergrant::library
