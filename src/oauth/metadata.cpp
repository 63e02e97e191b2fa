#include "oauth/metadata.hpp"

#include <utility>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

std::unexpected<Error> no_usable_key(const JwkSet& set) {
  return fail(Errc::provider_rejected, "the key set has no key that can be used" +
                                           (set.skipped.empty() ? std::string{} : " (" + join(set.skipped, "; ") + ")"));
}

// Its own endpoints are enough for a refresh.
bool serves_alone(const Provider& provider) {
  return provider.metadata_mode == MetadataMode::hybrid && !provider.endpoints.token.empty();
}

}  // namespace

ProviderDirectory::ProviderDirectory(HttpTransport& transport, const Clock& clock, const Log& log, Metrics& metrics,
                                     CacheRules rules)
    : log_{log}, metrics_{metrics}, documents_{transport, clock, rules}, key_sets_{transport, clock, rules} {}

Result<> ProviderDirectory::compare(const Provider& provider, const ServerMetadata* before, ServerMetadata& now) {
  if (before == nullptr) return {};
  now.last_named = laid_over(now.endpoints, before->last_named);
  const auto all = moved_endpoints(*before, now);
  for (const auto& moved : all) {
    // A document that is refused for it is fetched again and again: each new place is told once. The issuer tells
    // registrations of one profile apart.
    if (std::exchange(told_moves_[provider.id.str() + " " + provider.issuer + " " + std::string{moved.name}], moved.to) ==
        moved.to)
      continue;
    log_.warning("provider_endpoint_moved", {{"provider", provider.id.str()},
                                             {"endpoint", moved.name},
                                             {"from", moved.from},
                                             {"to", moved.to},
                                             {"held", provider.holds_endpoints ? "yes" : "no"}});
    metrics_
        .counter("evergrant_provider_endpoints_moved_total", "Endpoints that a provider's document moved to another host",
                 {{"provider", provider.id.str()}})
        .increment();
  }
  if (all.empty() || !provider.holds_endpoints) return {};
  return fail(Errc::provider_rejected,
              std::string{all.front().name} + " moved from " + all.front().from + " to " + all.front().to,
              "ask the provider; if it is right, restart evergrant: it then believes the new document");
}

void ProviderDirectory::tell_skipped_keys(const std::string& url, const JwkSet& set) {
  for (const std::string& why : set.skipped) log_.warning("provider_key_skipped", {{"url", url}, {"reason", why}});
  if (!set.has_private_keys) return;
  log_.error("provider_private_key_published", {{"url", url}});
  metrics_
      .counter("evergrant_provider_private_keys_total", "Key sets in which a provider published a private key",
               {{"url", url}})
      .increment();
}

Task<Result<std::shared_ptr<const ServerMetadata>>> ProviderDirectory::document(const Provider& provider) {
  if (provider.issuer.empty() || (provider.metadata_url.empty() && provider.issuer.contains('{'))) {
    co_return fail(Errc::invalid_argument, "the metadata of provider " + provider.id.str() + " cannot be located",
                   "give `issuer` in its profile, and `metadata_url` where the issuer holds {…}");
  }
  DocumentSource source{.urls = metadata_urls(provider),
                        .optional = serves_alone(provider),
                        .allow_loopback_http = provider.allow_loopback_http};
  std::string key = join(source.urls, " ") + " " + provider.issuer + (provider.allow_loopback_http ? " loopback" : "") +
                    (provider.holds_endpoints ? " held" : "");
  auto parse = [issuer = provider.issuer, loopback = provider.allow_loopback_http](std::string_view body) {
    return parse_metadata(body, issuer, loopback);
  };
  auto arrived = [this, &provider](const ServerMetadata* before, ServerMetadata& now) {
    return compare(provider, before, now);
  };
  auto found = co_await documents_.get(std::move(key), std::move(source), parse, arrived, false);
  co_return found;
}

Task<Result<ResolvedProvider>> ProviderDirectory::resolve(const Provider& provider) {
  if (provider.metadata_mode == MetadataMode::fixed) co_return resolve_provider(provider, nullptr);
  const std::string name = provider.id.str() + " " + provider.issuer;
  const auto found = co_await document(provider);
  if (found) {
    without_document_.erase(name);
    co_return resolve_provider(provider, found->get());
  }
  if (!serves_alone(provider)) co_return std::unexpected(found.error());
  if (without_document_.insert(name).second) {
    log_.warning("provider_metadata_unavailable", {{"provider", provider.id.str()}, {"reason", found.error().message}});
  }
  ResolvedProvider alone = resolve_provider(provider, nullptr);
  alone.document_missing = true;
  co_return alone;
}

Task<Result<std::shared_ptr<const JwkSet>>> ProviderDirectory::keys(ResolvedProvider resolved, bool refetch) {
  const std::string url = resolved.endpoints.jwks;
  if (url.empty() && resolved.document_missing) {
    co_return fail(Errc::provider_unavailable, "the provider's document, which names its key set, cannot be had",
                   "it is asked for again by itself; `evergrant doctor` says how it answers");
  }
  if (url.empty()) {
    co_return fail(Errc::unsupported, "the provider has no key set (jwks)", "give `endpoints.jwks` in its profile");
  }
  const bool remote = resolved.jwks_rule == AddressRule::remote;
  std::string key = url + (remote ? " remote" : "") + (resolved.allow_loopback_http ? " loopback" : "");
  DocumentSource source{
      .urls = {url}, .address_rule = resolved.jwks_rule, .allow_loopback_http = resolved.allow_loopback_http};
  auto arrived = [this, url](const JwkSet*, JwkSet& now) -> Result<> {
    tell_skipped_keys(url, now);
    return {};
  };
  // A set without a usable key is the provider's word as any other: the keys before it are not believed any longer. Whether
  // it has been mended is asked as often as for a key that is not known.
  auto found = co_await key_sets_.get(key, source, parse_jwk_set, arrived, refetch);
  if (found && (*found)->keys.empty() && !refetch) {
    found = co_await key_sets_.get(std::move(key), std::move(source), parse_jwk_set, arrived, true);
  }
  if (found && (*found)->keys.empty()) co_return no_usable_key(**found);
  co_return found;
}

}  // namespace evergrant
