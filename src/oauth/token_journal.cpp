// The journal form of a raw answer: JSON, with every byte string from outside in base64, since it need not be UTF-8.
#include "crypto/strict_json.hpp"
#include "oauth/json_member.hpp"
#include "oauth/token_endpoint.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

constexpr int journal_version = 1;
constexpr std::size_t max_journal = 8U << 20U;  // an answer of 1 MiB and its headers, in base64

constexpr std::int64_t last_instant =
    253'402'300'799'999;  // of the year 9999, in epoch ms: ends counted from it do not overflow

bool is_within(const json::value& number, std::int64_t least, std::int64_t most) {
  return number.is_int64() && number.get_int64() >= least && number.get_int64() <= most;
}

std::unexpected<Error> unreadable() {
  return fail(Errc::invalid_argument, "a journal entry of a token request cannot be read",
              "it was written by a newer version, or altered");
}

json::array encode_headers(const Headers& headers) {
  json::array out;
  for (const auto& [name, value] : headers.all()) out.push_back(json::array{base64_encode(name), base64_encode(value)});
  return out;
}

std::optional<std::string> bytes_of(const json::value* value) {
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return base64_decode(value->get_string());
}

bool decode_headers(const json::value* value, Headers& out) {
  if (value == nullptr || !value->is_array()) return false;
  for (const auto& pair : value->get_array()) {
    auto name = bytes_of(member_at(pair, "0"));
    auto text = bytes_of(member_at(pair, "1"));
    if (!name || !text) return false;
    out.add(std::move(*name), std::move(*text));
  }
  return true;
}

bool decode_scope(const json::value* value, std::vector<std::string>& out) {
  if (value == nullptr || !value->is_array()) return false;
  for (const auto& scope : value->get_array()) {
    auto text = bytes_of(&scope);
    if (!text) return false;
    out.push_back(std::move(*text));
  }
  return true;
}

}  // namespace

Secret to_journal(const RawTokenAnswer& answer) {
  WipedJson entry{json::value(json::object_kind)};
  auto& object = entry.get().get_object();
  object["version"] = journal_version;
  object["sent_at"] = to_epoch_ms(answer.sent.sent_at);
  json::array scope;
  for (const auto& one : answer.sent.scope) scope.emplace_back(base64_encode(one));
  object["scope"] = std::move(scope);
  if (!answer.sent.pair.empty()) object["pair"] = answer.sent.pair;
  object["status"] = answer.response.status;
  object["headers"] = encode_headers(answer.response.headers);
  std::string body = base64_encode(answer.response.body);
  object["body"] = body;
  wipe(body);
  return serialize_secret(entry.get());
}

Result<RawTokenAnswer> from_journal(const Secret& journal) {
  auto value = parse_strict_json(journal.reveal(), default_json_depth, max_journal);
  if (!value) return unreadable();
  const WipedJson entry{std::move(*value)};
  const auto* version = member_at(entry.get(), "version");
  const auto* sent_at = member_at(entry.get(), "sent_at");
  const auto* status = member_at(entry.get(), "status");
  const bool numbers = version != nullptr && version->is_int64() && version->get_int64() == journal_version &&
                       sent_at != nullptr && is_within(*sent_at, 0, last_instant) && status != nullptr &&
                       is_within(*status, 100, 599);
  auto body = bytes_of(member_at(entry.get(), "body"));
  if (!numbers || !body) return unreadable();
  RawTokenAnswer answer;
  answer.sent.sent_at = from_epoch_ms(sent_at->get_int64());
  if (const auto* pair = member_at(entry.get(), "pair")) answer.sent.pair = text_of(*pair).value_or("");
  answer.response.status = static_cast<int>(status->get_int64());
  answer.response.body = std::move(*body);
  if (!decode_headers(member_at(entry.get(), "headers"), answer.response.headers) ||
      !decode_scope(member_at(entry.get(), "scope"), answer.sent.scope)) {
    return unreadable();
  }
  return answer;
}

}  // namespace evergrant
