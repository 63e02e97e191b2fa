#include "oauth/client_authentication.hpp"

namespace evergrant {
namespace {

Result<> add_basic(const Registration& registration, const Secret& client_secret, Headers& headers) {
  const bool raw = registration.provider.token.basic_encoding == BasicEncoding::raw;
  if (raw && registration.client_id.contains(':')) {
    return fail(Errc::invalid_argument,
                "registration '" + registration.id.str() +
                    "': the client_id holds a ':', which raw Basic authentication cannot carry",
                R"(set token.basic_encoding = "rfc" or token.client_auth = "post" in the provider's profile)");
  }
  std::string pair = raw ? registration.client_id : form_encode(registration.client_id);
  pair += ':';
  std::string encoded = raw ? std::string{client_secret.reveal()} : form_encode(client_secret.reveal());
  pair += encoded;
  wipe(encoded);
  std::string credentials = base64_encode(pair);
  wipe(pair);
  headers.set("Authorization", "Basic " + credentials);
  wipe(credentials);
  return {};
}

// RFC 7523 2.2. The client_id beside it is not needed there, and what many servers find the client by.
Result<> add_assertion(const Registration& registration, const Secret& client_secret, const AssertionFacts& facts,
                       Parameters& body) {
  auto assertion = make_client_assertion(registration, client_secret, facts);
  if (!assertion) return std::unexpected(assertion.error());
  body.emplace_back(registration.provider.token.client_id_parameter, registration.client_id);
  body.emplace_back("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
  body.emplace_back("client_assertion", std::move(*assertion));
  return {};
}

Result<> refuse(const Registration& registration, std::string_view method) {
  return fail(
      Errc::unsupported,
      "registration '" + registration.id.str() + "': client authentication by " + std::string{method} + " is not offered",
      R"(set token.client_auth to "private_key_jwt", "basic", "post" or "none", and register the client at the provider accordingly)");
}

}  // namespace

Result<> authenticate_client(const Registration& registration, const Secret& client_secret, const AssertionFacts& facts,
                             Headers& headers, Parameters& body) {
  const TokenProfile& profile = registration.provider.token;
  switch (profile.client_auth) {
    case ClientAuth::basic:
      if (!client_secret.empty()) return add_basic(registration, client_secret, headers);
      break;
    case ClientAuth::post:
      body.emplace_back(profile.client_id_parameter, registration.client_id);
      if (!client_secret.empty()) body.emplace_back("client_secret", std::string{client_secret.reveal()});
      return {};
    case ClientAuth::none: break;
    case ClientAuth::private_key_jwt:
    case ClientAuth::secret_jwt: return add_assertion(registration, client_secret, facts, body);
    case ClientAuth::tls: return refuse(registration, "tls_client_auth");
    case ClientAuth::self_signed_tls: return refuse(registration, "self_signed_tls_client_auth");
  }
  body.emplace_back(profile.client_id_parameter, registration.client_id);  // a public client (CA-05)
  return {};
}

}  // namespace evergrant
