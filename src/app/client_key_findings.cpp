#include "app/client_key_findings.hpp"

#include "app/config_registrations.hpp"
#include "base/encoding.hpp"
#include "oauth/client_keys.hpp"

namespace evergrant {
namespace {

std::string name_of(const ClientKey& key) { return printable(key.kid, 200) + " (" + key.algorithm + ")"; }

Finding of_key(const std::string& subject, const ClientKey& one, const std::string& key_set) {
  const std::string key = name_of(one);
  switch (one.role) {
    case ClientKeyRole::current: return {Health::good, subject, "signs with " + key + "; its key set is " + key_set, {}};
    case ClientKeyRole::next:
      return {Health::warning, subject, "a rotation is in progress: " + key + " is published and not used yet",
              "when the provider has had time to fetch the key set again, make it the client_key, and that the "
              "previous_client_key: docs/client-keys.md"};
    case ClientKeyRole::previous:
      return {Health::warning, subject, "a rotation is in progress: " + key + " is published still and signs no more",
              "once every node signs with the new key, take previous_client_key out: docs/client-keys.md"};
  }
  return {};
}

}  // namespace

std::vector<Finding> client_key_findings(const Registration& registration, const std::string& public_url) {
  const std::string subject = "client keys of " + registration.id.str();
  std::vector<Finding> findings;
  for (const ClientKey& one : registration.client_keys) {
    findings.push_back(of_key(subject, one, key_set_uri(public_url, registration.id.str())));
    if (one.algorithm != "RS256") continue;
    findings.push_back({Health::warning, subject, printable(one.kid, 200) + " signs with RS256",
                        "use PS256, ES256 or EdDSA, unless the provider takes nothing else: docs/security.md"});
  }
  return findings;
}

}  // namespace evergrant
