#include "sandbox/id_token.hpp"

#include <boost/json.hpp>
#include <charconv>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

// "now", "now+60", "now-60" as seconds since the epoch; nothing for any other value.
std::optional<std::int64_t> moment(const json::value& value, Time now) {
  if (!value.is_string()) return std::nullopt;
  std::string_view text{value.as_string()};
  if (!text.starts_with("now")) return std::nullopt;
  text.remove_prefix(3);
  const std::int64_t seconds = to_epoch_ms(now) / 1000;
  if (text.empty()) return seconds;
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t offset = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), offset);
  if (error != std::errc{} || rest != text.data() + text.size()) return std::nullopt;
  return seconds + offset;
}

// Another signature of the same length.
std::string with_bad_signature(std::string compact) {
  const std::size_t first = compact.rfind('.') + 1;
  compact[first] = compact[first] == 'A' ? 'B' : 'A';
  return compact;
}

}  // namespace

json::object spoilt_claims(json::object claims, const IdTokenFault& fault, Time now) {
  for (const auto& [name, value] : fault.set) {
    const auto at = moment(value, now);
    if (at) {
      claims[name] = *at;
    } else {
      claims[name] = value;
    }
  }
  for (const auto& name : fault.remove) claims.erase(name);
  return claims;
}

Result<std::string> sign_id_token(KeyShelf& keys, const json::object& claims, const IdTokenFault& fault, Time now) {
  const json::object payload = spoilt_claims(claims, fault, now);
  if (fault.alg_none) {
    return base64url_encode(R"({"alg":"none"})") + "." + base64url_encode(json::serialize(payload)) + ".";
  }
  auto compact = fault.foreign_key ? keys.sign_with_foreign_key(payload) : keys.sign(payload);
  if (compact && fault.bad_signature) return with_bad_signature(std::move(*compact));
  return compact;
}

}  // namespace evergrant
