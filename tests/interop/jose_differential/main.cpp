// jose_differential SEED COUNT: writes COUNT tokens, good and mutated, to standard output as lines of JSON, with the keys
// they are to be verified with and our own verdict. second_opinion.mjs reads them. Each kind of mutation comes equally
// often.
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <iostream>

#include "base/encoding.hpp"
#include "interop/jose_differential/workshop.hpp"

namespace evergrant::differential {
namespace {

namespace json = boost::json;

Result<VerifiedJws> verify(const Item& item, const Keys& keys, const Result<JwkSet>& set) {
  if (!keys.secret.empty()) return verify_jws_hmac(item.token, Secret{keys.secret}, item.allowed);
  if (!set) return std::unexpected(set.error());
  return verify_jws(item.token, *set, item.allowed);
}

std::string_view name_of(Errc code) {
  switch (code) {
    case Errc::invalid_argument: return "malformed";
    case Errc::sealed_broken: return "signature";
    case Errc::not_found: return "no key";
    case Errc::too_large: return "too large";
    default: return "other";
  }
}

json::object verdict(const Item& item, const Result<VerifiedJws>& verified) {
  json::object line{{"what", item.what}, {"token", base64_encode(item.token)}, {"keys", item.keys}};
  line["allowed"] = json::array(item.allowed.begin(), item.allowed.end());
  line["ours"] = verified ? "accepted" : name_of(verified.error().code);
  if (verified) line["payload"] = base64_encode(verified->payload);
  return line;
}

void print(const json::object& line) { std::cout << json::serialize(line) << '\n'; }

void run(std::uint64_t seed, std::size_t count) {
  Workshop shop{seed};
  std::vector<Mutation> all;
  add_header_mutations(all);
  add_token_mutations(all);
  add_key_mutations(all);
  std::vector<Result<JwkSet>> parsed;
  for (std::size_t i = 0; i < count; ++i) {
    const Mutation& mutation = all[i % all.size()];
    Item item = mutation.make(shop);
    item.what = mutation.what;
    while (parsed.size() < shop.sets().size()) {
      const Keys& keys = shop.sets()[parsed.size()];
      print({{"set", parsed.size()}, {"jwks", keys.jwks}, {"secret", base64_encode(keys.secret)}});
      parsed.push_back(parse_jwk_set(keys.jwks));
    }
    print(verdict(item, verify(item, shop.sets()[item.keys], parsed[item.keys])));
  }
}

}  // namespace
}  // namespace evergrant::differential

int main(int argc, char** argv) {
  std::uint64_t seed = 0;
  std::size_t count = 0;
  const auto number = [argv](int at, auto& into) {
    const std::string_view text{argv[at]};
    return std::from_chars(text.begin(), text.end(), into).ptr == text.end();
  };
  if (argc != 3 || !number(1, seed) || !number(2, count)) {
    std::cerr << "jose_differential SEED COUNT\n";
    return 2;
  }
  evergrant::differential::run(seed, count);
}
