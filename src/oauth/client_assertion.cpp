#include "oauth/client_assertion.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "crypto/jose.hpp"
#include "oauth/client_keys.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

// RFC 7519 5.1. The draft that succeeds RFC 7523 has a type of its own, which servers of today refuse.
constexpr std::string_view assertion_type = "JWT";

std::int64_t seconds_of(Time at) { return std::chrono::floor<std::chrono::seconds>(at.time_since_epoch()).count(); }

std::string claims_of(const Registration& registration, const std::string& audience, const AssertionFacts& facts) {
  return json::serialize(json::object{{"iss", registration.client_id},
                                      {"sub", registration.client_id},
                                      {"aud", audience},
                                      {"jti", facts.jti},
                                      {"iat", seconds_of(facts.now)},
                                      {"exp", seconds_of(facts.now + assertion_lifetime)}});
}

}  // namespace

bool proves_by_assertion(ClientAuth method) noexcept {
  return method == ClientAuth::private_key_jwt || method == ClientAuth::secret_jwt;
}

AssertionFacts fresh_facts(const Registration& registration, std::string token_url, const Clock& clock, Random& random) {
  const bool needed = proves_by_assertion(registration.provider.token.client_auth);
  return {.token_url = std::move(token_url), .now = clock.now(), .jti = needed ? random.id("ca_") : std::string{}};
}

Result<std::string> audience_of(const Registration& registration, std::string_view token_url) {
  const Provider& provider = registration.provider;
  switch (provider.token.assertion_audience) {
    case AssertionAudience::issuer:
      if (!provider.issuer.empty() && !provider.issuer.contains('{')) return provider.issuer;
      return fail(Errc::invalid_argument,
                  in_message(registration) + "nobody knows the provider's issuer, for whom the client's assertion is",
                  R"(give `issuer`, or profile.token.assertion_audience = "token_endpoint" where the provider wants that)");
    case AssertionAudience::token_endpoint:
      if (!token_url.empty()) return std::string{token_url};
      return fail(Errc::invalid_argument, in_message(registration) + "no token endpoint for which the assertion could be",
                  "give endpoints.token");
  }
  return fail(Errc::internal, "unknown audience of an assertion");
}

Result<std::string> make_client_assertion(const Registration& registration, const Secret& client_secret,
                                          const AssertionFacts& facts) {
  const auto audience = audience_of(registration, facts.token_url);
  if (!audience) return std::unexpected(audience.error());
  const std::string claims = claims_of(registration, *audience, facts);
  if (registration.provider.token.client_auth == ClientAuth::secret_jwt) {
    return sign_jws_hmac("HS256", client_secret, claims, {}, assertion_type);
  }
  const ClientKey* key = signing_key_of(registration);
  if (key != nullptr) return sign_with(*key, claims, assertion_type);
  return fail(Errc::invalid_argument, in_message(registration) + "it has no client_key to sign with",
              "make one with `evergrant keys client`, and name its place: client_key = { pem = { file = \"…\" } }");
}

}  // namespace evergrant
