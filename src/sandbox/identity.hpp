// Who stands behind a grant: ID-token claims and userinfo. Every realm has its own invented administrator. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "sandbox/grant.hpp"
#include "sandbox/settings.hpp"

namespace evergrant {

// A UUID, the same for the same realm.
[[nodiscard]] std::string subject_of(std::string_view realm);
[[nodiscard]] bool has_scope(const Consent& consent, std::string_view scope);
// realmId is given to accounting and payment scopes only.
[[nodiscard]] bool has_realm_scope(const std::vector<std::string>& scope);
[[nodiscard]] boost::json::object id_token_claims(const Consent& consent, const SandboxSettings& settings,
                                                  std::string_view issuer, Time now);
// camelCase, as Intuit spells it; by scope.
[[nodiscard]] boost::json::object userinfo_of(const Consent& consent);

}  // namespace evergrant
