#include "app/config_client_keys.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "crypto/jose.hpp"
#include "oauth/client_assertion.hpp"
#include "oauth/client_keys.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_kid = 200;

using FieldProblems = std::vector<FieldProblem>;

struct GivenKey {
  ClientKeyRole role;
  const ClientKeyConfig* config;
};

std::vector<GivenKey> given_keys(const RegistrationConfig& from) {
  std::vector<GivenKey> given;
  if (from.client_key.given) given.push_back({ClientKeyRole::current, &from.client_key});
  if (from.next_client_key.given) given.push_back({ClientKeyRole::next, &from.next_client_key});
  if (from.previous_client_key.given) given.push_back({ClientKeyRole::previous, &from.previous_client_key});
  return given;
}

std::string with_hint(const Error& error) { return error.message + (error.hint.empty() ? "" : " (" + error.hint + ")"); }

void read_key(const GivenKey& given, const SecretReader& read, Registration& to, FieldProblems& problems) {
  const std::string_view field = field_of(given.role);
  if (given.config->pem.empty()) return;  // told where the file was read
  if (!is_kid(given.config->kid)) {
    problems.push_back({field, "its kid is longer than 200 characters, or cannot be printed"});
    return;
  }
  auto pem = read(given.config->pem);
  if (!pem) {
    problems.push_back({field, with_hint(pem.error())});
    return;
  }
  auto key = read_client_key(given.role, given.config->algorithm, given.config->kid, std::move(*pem));
  if (!key) {
    problems.push_back({field, to_text(given.config->pem) + ": " + with_hint(key.error())});
    return;
  }
  to.client_keys.push_back(std::move(*key));
}

// A set in which two keys have one name, or one key has two, is no rotation (RFC 7517 4.5).
void compare_keys(const Registration& made, FieldProblems& problems) {
  const auto& keys = made.client_keys;
  for (std::size_t i = 1; i < keys.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const std::string other{field_of(keys[j].role)};
      const std::string_view field = field_of(keys[i].role);
      if (jwk_thumbprint(keys[i].public_jwk) == jwk_thumbprint(keys[j].public_jwk)) {
        problems.push_back({field, "is the same key as " + other + "; a rotation is to another key"});
      } else if (keys[i].kid == keys[j].kid) {
        problems.push_back(
            {field, "has the kid of " + other + ", \"" + keys[i].kid + "\"; leave kid out and it is the key's thumbprint"});
      }
    }
  }
}

void check_roles(const RegistrationConfig& from, FieldProblems& problems) {
  if (!from.client_key.given) {
    problems.push_back(
        {"client_key",
         "missing; client_auth = \"private_key_jwt\" signs with it. Make one with `evergrant keys client`, and "
         "name its place: client_key = { pem = { file = \"/etc/evergrant/key.pem\" } }"});
  }
  for (const auto& [field, secret] : {std::pair{"client_secret", &from.client_secret},
                                      std::pair{"previous_client_secret", &from.previous_client_secret}}) {
    if (secret->empty()) continue;
    problems.push_back(
        {field, R"(given, but client_auth is "private_key_jwt": the key proves the client; take the secret out)"});
  }
}

// A revocation without a body has no place for an assertion, and URLs are not one (CA-03).
bool revokes_without_body(const Provider& provider) {
  const RevokeProfile& revoke = provider.revoke;
  const bool by_path = revoke.style == RevokeStyle::delete_path && provider.endpoints.revoke.contains("{token}");
  return (revoke.style == RevokeStyle::query || by_path) && revoke.authorization.empty();
}

void check_profile(const Registration& made, FieldProblems& problems) {
  const auto audience = audience_of(made, "known when it is sent");
  if (!audience) problems.push_back({"client_auth", audience.error().message + "; " + audience.error().hint});
  if (revokes_without_body(made.provider)) {
    problems.push_back(
        {"client_auth", "the provider takes revocations without a body, where an assertion has no place; use another"});
  }
  if (made.client_secrets.empty() && made.provider.revoke.authorization.contains("{client_secret}")) {
    problems.push_back({"client_auth", "the provider's revoke.authorization needs a client_secret; use another"});
  }
}

}  // namespace

bool is_kid(std::string_view text) { return text.size() <= longest_kid && printable(text, longest_kid) == text; }

std::vector<FieldProblem> add_client_keys(const RegistrationConfig& from, const SecretReader& read, Registration& to) {
  FieldProblems problems;
  const ClientAuth method = to.provider.token.client_auth;
  const auto given = given_keys(from);
  if (proves_by_assertion(method)) check_profile(to, problems);
  if (method != ClientAuth::private_key_jwt) {
    for (const GivenKey& one : given) {
      problems.push_back({field_of(one.role), R"(given, but client_auth is not "private_key_jwt": nothing would use it)"});
    }
    return problems;
  }
  check_roles(from, problems);
  for (const GivenKey& one : given) read_key(one, read, to, problems);
  compare_keys(to, problems);
  return problems;
}

}  // namespace evergrant
