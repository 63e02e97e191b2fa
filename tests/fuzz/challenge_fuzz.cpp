#include "oauth/challenge.hpp"

#include <algorithm>

#include "fuzz/fuzz.hpp"

using namespace evergrant;

namespace {

bool is_lower_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || std::string_view{"!#$%&'*+-.^_`|~"}.contains(c);
  });
}

void demand_well_formed(const Challenge& challenge) {
  fuzz::demand(is_lower_token(challenge.scheme), "a scheme is a token in lower case");
  fuzz::demand(challenge.token68.empty() || challenge.parameters.empty(), "a token68, or parameters: never both");
  fuzz::demand(challenge.parameters.size() <= 32, "parameters are bounded");
  for (const auto& [name, value] : challenge.parameters) {
    fuzz::demand(is_lower_token(name), "a name is a token in lower case");
    const bool has_control =
        std::ranges::any_of(value, [](char c) { return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7F; });
    fuzz::demand(!has_control, "no line ends in a value");
  }
}

std::string quoted(std::string_view value) {
  std::string out{'"'};
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string written(const Challenge& challenge) {
  std::string out = challenge.scheme;
  if (!challenge.token68.empty()) out += ' ' + challenge.token68;
  std::string_view separator = " ";
  for (const auto& [name, value] : challenge.parameters) {
    out.append(separator).append(name).append("=").append(quoted(value));
    separator = ", ";
  }
  return out;
}

bool are_same(const Challenge& one, const Challenge& other) {
  return one.scheme == other.scheme && one.token68 == other.token68 && one.parameters == other.parameters;
}

// What was read, written anew, is read as the same; quotation marks may have made it longer than is read.
void demand_round_trip(const std::vector<Challenge>& challenges) {
  std::string field;
  for (const auto& challenge : challenges) field += (field.empty() ? "" : ", ") + written(challenge);
  if (field.size() > 8192) return;
  const auto again = parse_challenges(field);
  fuzz::demand(again && std::ranges::equal(*again, challenges, are_same), "challenges survive being written again");
}

void demand_fit_to_show(const BearerChallenge& why) {
  fuzz::demand_printable(why.error, 100, "an error is printable and short");
  fuzz::demand_printable(why.error_description, 300, "a description is printable and short");
  fuzz::demand_printable(why.realm, 100, "a realm is printable and short");
  fuzz::demand_printable(why.scope, 1024, "a scope is printable and bounded");
  fuzz::demand_printable(why.resource_metadata, 2048, "a URL is printable and bounded");
}

}  // namespace

// WWW-Authenticate fields. Whoever answers an API's request may write them.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto field = fuzz::bytes_of(data, size);
  const auto challenges = parse_challenges(field);
  if (!challenges) {
    const auto code = challenges.error().code;
    fuzz::demand(code == Errc::invalid_argument || code == Errc::too_large, "a refused field is malformed or too large");
    fuzz::demand(!challenges.error().message.empty() && challenges.error().message.size() < 150, "a refusal quotes nothing");
    return 0;
  }
  fuzz::demand(field.size() <= 8192 && challenges->size() <= 32, "fields and challenges are bounded");
  for (const auto& challenge : *challenges) demand_well_formed(challenge);
  demand_round_trip(*challenges);
  const bool names_bearer = std::ranges::any_of(*challenges, [](const Challenge& one) { return one.scheme == "bearer"; });
  const auto why = bearer_challenge(*challenges);
  fuzz::demand(why.has_value() == names_bearer, "a Bearer challenge is found if there is one");
  if (why) demand_fit_to_show(*why);
  return 0;
}
