#include "oauth/metadata.hpp"

#include "base/encoding.hpp"

namespace evergrant {
namespace {

Result<JwkSet> parse_key_set(std::string_view body) {
  auto set = parse_jwk_set(body);
  if (!set || !set->keys.empty()) return set;
  return fail(Errc::provider_rejected, "the key set has no key that can be used" +
                                           (set->skipped.empty() ? std::string{} : " (" + join(set->skipped, "; ") + ")"));
}

void log_skipped_keys(const Log& log, std::string_view url, const JwkSet& set) {
  for (const std::string& why : set.skipped) log.warning("provider_key_skipped", {{"url", url}, {"reason", why}});
}

void log_moved_endpoints(const Log& log, std::string_view provider, const ServerMetadata* before,
                         const ServerMetadata& now) {
  if (before == nullptr) return;
  for (const auto& moved : moved_endpoints(*before, now)) {
    log.warning("provider_endpoint_moved",
                {{"provider", provider}, {"endpoint", moved.name}, {"from", moved.from}, {"to", moved.to}});
  }
}

}  // namespace

ProviderDirectory::ProviderDirectory(HttpTransport& transport, const Clock& clock, const Log& log, CacheRules rules)
    : log_{log}, documents_{transport, clock, rules}, key_sets_{transport, clock, rules} {}

Task<Result<std::shared_ptr<const ServerMetadata>>> ProviderDirectory::document(const Provider& provider) {
  if (provider.issuer.empty() || (provider.metadata_url.empty() && provider.issuer.contains('{'))) {
    co_return fail(Errc::invalid_argument, "the metadata of provider " + provider.id.str() + " cannot be located",
                   "give `issuer` in its profile, and `metadata_url` where the issuer holds {…}");
  }
  DocumentSource source{.urls = metadata_urls(provider), .allow_loopback_http = provider.allow_loopback_http};
  std::string key = join(source.urls, " ") + " " + provider.issuer + (provider.allow_loopback_http ? " loopback" : "");
  auto parse = [issuer = provider.issuer, loopback = provider.allow_loopback_http](std::string_view body) {
    return parse_metadata(body, issuer, loopback);
  };
  auto arrived = [this, id = provider.id.str()](const ServerMetadata* before, const ServerMetadata& now) {
    log_moved_endpoints(log_, id, before, now);
  };
  auto found = co_await documents_.get(std::move(key), std::move(source), parse, arrived, false);
  co_return found;
}

Task<Result<ResolvedProvider>> ProviderDirectory::resolve(const Provider& provider) {
  if (provider.metadata_mode == MetadataMode::fixed) co_return resolve_provider(provider, nullptr);
  const auto found = co_await document(provider);
  if (found) {
    without_document_.erase(provider.id.str());
    co_return resolve_provider(provider, found->get());
  }
  const bool serves_alone = provider.metadata_mode == MetadataMode::hybrid && !provider.endpoints.token.empty();
  if (!serves_alone) co_return std::unexpected(found.error());
  if (without_document_.insert(provider.id.str()).second) {
    log_.warning("provider_metadata_unavailable", {{"provider", provider.id.str()}, {"reason", found.error().message}});
  }
  co_return resolve_provider(provider, nullptr);
}

Task<Result<std::shared_ptr<const JwkSet>>> ProviderDirectory::keys(ResolvedProvider resolved, bool refetch) {
  const std::string url = resolved.endpoints.jwks;
  if (url.empty()) {
    co_return fail(Errc::unsupported, "the provider has no key set (jwks)", "give `endpoints.jwks` in its profile");
  }
  const bool remote = resolved.jwks_rule == AddressRule::remote;
  std::string key = url + (remote ? " remote" : "") + (resolved.allow_loopback_http ? " loopback" : "");
  DocumentSource source{
      .urls = {url}, .address_rule = resolved.jwks_rule, .allow_loopback_http = resolved.allow_loopback_http};
  auto arrived = [this, url](const JwkSet*, const JwkSet& now) { log_skipped_keys(log_, url, now); };
  auto found = co_await key_sets_.get(std::move(key), std::move(source), parse_key_set, arrived, refetch);
  co_return found;
}

}  // namespace evergrant
