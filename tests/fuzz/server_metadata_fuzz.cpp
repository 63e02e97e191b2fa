#include "fuzz/fuzz.hpp"
#include "oauth/profile_url.hpp"
#include "oauth/server_metadata.hpp"

using namespace evergrant;

namespace {

constexpr std::array<std::string_view, 3> issuers{"https://id.example", "https://id.example/tenant",
                                                  "http://127.0.0.1:8080"};

void demand_urls(const Endpoints& endpoints, bool loopback) {
  for (const auto* url : {&endpoints.authorize, &endpoints.token, &endpoints.revoke, &endpoints.introspect,
                          &endpoints.userinfo, &endpoints.jwks, &endpoints.device, &endpoints.par}) {
    fuzz::demand(url->empty() || !url_problem(*url, loopback), "an endpoint is an https URL without fragment (META-03)");
    fuzz::demand(url->empty() || !origin_of(*url).empty(), "an endpoint has an origin");
  }
}

}  // namespace

// What a provider says of itself. First letter: which issuer is pinned; the last of them may be plain http.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto input = fuzz::bytes_of(data, size);
  const std::string_view issuer = fuzz::pick(input, issuers);
  const bool loopback = issuer.starts_with("http:");
  fuzz::skip_newline(input);
  const auto metadata = parse_metadata(input, issuer, loopback);
  if (!metadata) {
    fuzz::demand(metadata.error().code == Errc::provider_rejected, "a document that cannot be used is the provider's");
    fuzz::demand_sound(metadata.error());
    return 0;
  }
  fuzz::demand(metadata->issuer == issuer, "nothing of another issuer's document is used (META-01)");
  demand_urls(metadata->endpoints, loopback);
  demand_urls(metadata->mtls_endpoints, loopback);

  Provider provider;
  provider.issuer = issuer;
  provider.metadata_mode = MetadataMode::hybrid;
  provider.endpoints.token = "https://named.example/token";
  provider.token.client_auth = ClientAuth::tls;
  const auto resolved = resolve_provider(provider, &*metadata);
  fuzz::demand(resolved.issuer == issuer, "the issuer stays the pinned one");
  fuzz::demand(resolved.endpoints.jwks.empty() || resolved.jwks_rule == AddressRule::remote ||
                   origin_of(resolved.endpoints.jwks) == origin_of(issuer),
               "a key set elsewhere is a stranger's (META-09)");
  return 0;
}
