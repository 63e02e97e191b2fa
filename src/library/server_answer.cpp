#include "library/server_answer.hpp"

#include <boost/json.hpp>
#include <limits>

#include "base/encoding.hpp"
#include "base/secret.hpp"
#include "crypto/strict_json.hpp"
#include "oauth/json_member.hpp"

namespace evergrant::library {
namespace {

std::string_view member_text(const boost::json::object& object, std::string_view name) {
  return string_member(object, name).value_or(std::string_view{});
}

std::int64_t generation_in(const boost::json::object& object) {
  const auto* number = object.if_contains("generation");
  return number != nullptr && number->is_int64() ? number->as_int64() : 0;
}

std::optional<Errc> errc_named(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Errc::internal); ++i) {
    const auto code = static_cast<Errc>(i);
    if (to_string(code) == name) return code;
  }
  return std::nullopt;
}

Error refusal(int status, const boost::json::object& problem) {
  const Errc other = status >= 500 ? Errc::provider_unavailable : Errc::internal;
  const auto detail = member_text(problem, "detail");
  return {errc_named(member_text(problem, "code")).value_or(other),
          detail.empty() ? "evergrant answered " + std::to_string(status) : printable(detail, 1000),
          printable(member_text(problem, "hint"), 1000),
          {}};
}

Error no_lease() {
  return {Errc::internal, "what answered is not an evergrant server of this version", "look at the address", {}};
}

}  // namespace

Result<TokenLease> read_answer(HttpResponse response, std::string_view registration) {
  auto parsed = parse_strict_json(response.body);
  wipe(response.body);
  WipedJson body{parsed ? std::move(*parsed) : boost::json::value{}};
  const auto* object = body.get().if_object();
  if (response.status != 200) return std::unexpected(refusal(response.status, object ? *object : boost::json::object{}));
  if (object == nullptr) return std::unexpected(no_lease());
  const auto token = member_text(*object, "access_token");
  const auto expires_at = member_text(*object, "expires_at");
  if (token.empty() || generation_in(*object) < 1) return std::unexpected(no_lease());
  return TokenLease{TokenLease::Parts{.access_token = token,
                                      .connection = member_text(*object, "connection"),
                                      .registration = registration,
                                      .tenant = {},
                                      .realm = member_text(*object, "realm"),
                                      .pair = member_text(*object, "pair"),
                                      .token_type = member_text(*object, "token_type"),
                                      .scope = member_text(*object, "scope"),
                                      .expires_at = from_rfc3339(expires_at),
                                      .generation = generation_in(*object)}};
}

}  // namespace evergrant::library
