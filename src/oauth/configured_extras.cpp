#include "oauth/configured_extras.hpp"

#include <algorithm>

#include "base/contains.hpp"

namespace evergrant {
namespace {

bool is_listed_member(const TokenProfile& token, std::string_view pair, const std::string& name) {
  if (pair.empty()) return contains(token.kept_members, name);
  const auto own = std::ranges::find(token.pairs, pair, &PairProfile::name);
  return own != token.pairs.end() && contains(own->kept_members, name);
}

bool names_a_host(const Provider& provider, const std::string& name) {
  return std::ranges::any_of(provider.host_variables,
                             [&](const HostVariable& variable) { return variable.name == name || variable.field == name; });
}

}  // namespace

void keep_configured_extras(const Registration& registration, std::string_view pair,
                            std::map<std::string, std::string>& extras) {
  std::erase_if(extras, [&](const auto& extra) {
    const bool claim = pair.empty() && contains(registration.claims, extra.first);
    return !claim && !is_listed_member(registration.provider.token, pair, extra.first) &&
           !names_a_host(registration.provider, extra.first);
  });
}

}  // namespace evergrant
