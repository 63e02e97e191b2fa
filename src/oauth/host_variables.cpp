#include "oauth/host_variables.hpp"

#include <algorithm>
#include <array>
#include <regex>

namespace evergrant {
namespace {

constexpr std::size_t longest_value = 253;  // a host name, or an origin of about that size

const HostVariable* variable_of(const Provider& provider, std::string_view name) {
  const auto found = std::ranges::find(provider.host_variables, name, &HostVariable::name);
  return found == provider.host_variables.end() ? nullptr : &*found;
}

bool matches(const HostVariable& variable, const std::string& value) {
  return value.size() <= longest_value && std::regex_match(value, std::regex{variable.pattern, std::regex::ECMAScript});
}

}  // namespace

Result<HostValues> host_values(const Provider& provider, std::string_view source,
                               const std::map<std::string, std::string>& members) {
  HostValues values;
  for (const auto& variable : provider.host_variables) {
    if (variable.source != source) continue;
    const auto member = members.find(variable.field);
    if (member == members.end() || member->second.empty()) continue;
    if (!matches(variable, member->second)) {
      return fail(Errc::invalid_argument, "the value of '" + variable.field + "' is not one of this provider's hosts",
                  "the profile's [[host_variable]] '" + variable.name + "' says what is allowed");
    }
    values[variable.name] = member->second;
  }
  return values;
}

void keep_known_hosts(const Provider& provider, std::map<std::string, std::string>& members) {
  for (const auto& variable : provider.host_variables) {
    std::string value;
    const auto member = members.find(variable.field);
    if (variable.source == "token_response" && member != members.end()) {
      if (matches(variable, member->second))
        value = member->second;
      else
        members.erase(member);
    }
    members.erase(variable.name);
    if (!value.empty()) members[variable.name] = members[variable.field] = value;
  }
}

Result<std::string> fill_hosts(std::string_view text, const Provider& provider, const HostValues& values) {
  std::string out;
  while (!text.empty()) {
    const auto open = text.find('{');
    out += text.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = text.find('}', open);
    if (close == std::string_view::npos) return fail(Errc::invalid_argument, "a '{' without '}' in the provider's profile");
    const auto name = text.substr(open + 1, close - open - 1);
    const HostVariable* variable = variable_of(provider, name);
    text.remove_prefix(close + 1);
    if (variable == nullptr) {  // {realm} and the like are filled by whoever knows them
      out += '{';
      out += name;
      out += '}';
      continue;
    }
    const auto value = values.find(variable->name);
    if (value == values.end() && variable->fallback.empty()) {
      return fail(
          Errc::invalid_argument, "the provider's host is not known: '" + variable->field + "' is missing",
          variable->source == "connection" ? "name it as login_hint of the connect session" : "connect the account again");
    }
    out += value == values.end() ? variable->fallback : value->second;
  }
  return out;
}

Result<Endpoints> fill_hosts(const Endpoints& endpoints, const Provider& provider, const HostValues& values) {
  Endpoints filled;
  constexpr std::array members{&Endpoints::authorize, &Endpoints::token,      &Endpoints::refresh,
                               &Endpoints::revoke,    &Endpoints::introspect, &Endpoints::userinfo,
                               &Endpoints::jwks,      &Endpoints::device,     &Endpoints::par};
  for (const auto member : members) {
    auto text = fill_hosts(endpoints.*member, provider, values);
    if (!text) return std::unexpected(text.error());
    filled.*member = std::move(*text);
  }
  return filled;
}

}  // namespace evergrant
