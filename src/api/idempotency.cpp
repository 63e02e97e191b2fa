#include "api/idempotency.hpp"

#include <algorithm>

#include <boost/json.hpp>

#include "api/route.hpp"
#include "crypto/hash.hpp"
#include "crypto/strict_json.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_key = 200;
const TenantId own_tenant{"@evergrant"};  // '@' cannot begin a tenant of the application's

// A caller's key says nothing about another caller's, nor about another operation.
std::string scoped(const Call& call, const std::string& key) {
  return hex_encode(sha256(call.caller->id.str() + '\n' + std::string{call.route->action} + '\n' + key));
}

Place place_of_answer(const std::string& scoped_key) {
  return {.tenant = own_tenant,
          .registration = {},
          .realm = {},
          .connection = ConnectionId{scoped_key},
          .field = "idempotent",
          .generation = 0};
}

Secret to_text(const Reply& reply) {
  boost::json::array headers;
  for (const auto& [name, value] : reply.headers) headers.push_back(boost::json::array{name, value});
  return Secret::take(
      boost::json::serialize(boost::json::object{{"body", reply.body}, {"type", reply.content_type}, {"headers", headers}}));
}

Result<Reply> from_text(const Secret& text, int status) {
  auto value = parse_strict_json(text.reveal());
  if (!value) return std::unexpected(value.error());
  Reply reply{.status = status, .body = {}, .content_type = {}, .headers = {}};
  reply.body = value->at("body").as_string();
  reply.content_type = value->at("type").as_string();
  for (const auto& header : value->at("headers").as_array()) {
    reply.headers.emplace_back(std::string{header.at(0).as_string()}, std::string{header.at(1).as_string()});
  }
  reply.headers.emplace_back("Idempotency-Replayed", "true");
  return reply;
}

}  // namespace

Idempotency::Idempotency(Store& store, Vault& vault, Clock& clock) : store_{store}, vault_{vault}, clock_{clock} {}

Task<Result<std::optional<Reply>>> Idempotency::begin(const Call& call, std::string key) {
  const bool printable_key = std::ranges::all_of(key, [](char c) { return c > 0x20 && c < 0x7F; });
  if (key.empty() || key.size() > longest_key || !printable_key) {
    co_return fail(Errc::invalid_argument, "'Idempotency-Key': expected 1 to 200 printable ASCII characters without spaces");
  }
  const auto name = scoped(call, key);
  auto request_hash = hex_encode(sha256(call.request.path + '\n' + call.request.query + '\n' + call.request.body));
  auto known = co_await store_.begin_idempotent(name, request_hash, clock_.now());
  if (!known) co_return std::unexpected(known.error());
  const std::optional<IdempotentAnswer>& kept = *known;
  if (!kept) co_return std::optional<Reply>{};
  const IdempotentAnswer& answer = *kept;
  if (answer.request_hash != request_hash) {
    co_return fail(Errc::conflict, "this Idempotency-Key was used for another request",
                   "use a new key for each new request");
  }
  if (answer.status == 0) {
    co_return fail(Errc::conflict, "a request with this Idempotency-Key is still in progress", "repeat it in a moment");
  }
  auto opened = co_await vault_.open(place_of_answer(name), Sealed{answer.body});
  if (!opened) co_return std::unexpected(opened.error());
  auto reply = from_text(*opened, answer.status);
  if (!reply) co_return std::unexpected(reply.error());
  co_return std::optional<Reply>{std::move(*reply)};
}

Task<Result<>> Idempotency::finish(const Call& call, std::string key, const Reply& reply) {
  const auto name = scoped(call, key);
  const Secret text = to_text(reply);
  auto sealed = co_await vault_.seal(place_of_answer(name), text);
  if (!sealed) co_return std::unexpected(sealed.error());
  co_return co_await store_.finish_idempotent(name, reply.status, sealed->bytes);
}

Task<Result<>> Idempotency::forget(const Call& call, std::string key) {
  co_return co_await store_.forget_idempotent(scoped(call, key));
}

}  // namespace evergrant
