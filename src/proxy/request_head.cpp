#include "proxy/request_head.hpp"

#include "base/byte_blocks.hpp"
#include "base/encoding.hpp"
#include "proxy/header_rules.hpp"
#include "proxy/method_rule.hpp"

namespace evergrant {
namespace {

constexpr std::string_view token_place = "{token}";

// RFC 9110 8.6: a length of nothing is told where a body would have been expected.
bool tells_no_body(std::string_view method) { return method == "POST" || method == "PUT" || method == "PATCH"; }

void append_line(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

Result<> append_credential(const InjectProfile& inject, const Secret& token, std::string& out) {
  const bool clean = none_is(token.reveal(), [](ByteBlock letters) { return (letters < 0x20) | (letters >= 0x7F); });
  if (!clean || token.empty()) {
    return fail(Errc::internal, "the connection's token cannot stand in a header", "look at the provider's token answer");
  }
  const std::string_view format = inject.format;
  const auto place = format.find(token_place);
  out.append(inject.header).append(": ").append(format.substr(0, place));
  if (place != std::string_view::npos) out.append(token.reveal()).append(format.substr(place + token_place.size()));
  out.append("\r\n");
  return {};
}

void append_framing(const RequestHeadFacts& facts, std::string& out) {
  if (!facts.length) {
    append_line(out, "Transfer-Encoding", "chunked");
  } else if (*facts.length > 0 || tells_no_body(facts.caller.method)) {
    append_line(out, "Content-Length", std::to_string(*facts.length));
  }
  if (facts.expects_continue) append_line(out, "Expect", "100-continue");
  if (lists_word(facts.caller.headers, "TE", "trailers")) out.append("TE: trailers\r\nConnection: TE\r\n");
}

}  // namespace

Result<> append_request_head(const RequestHeadFacts& facts, std::string& out) {
  const auto& caller = facts.caller;
  if (auto proper = check_method(caller.method); !proper) return proper;
  const auto extra = extra_fields(facts.inject, facts.realm);
  if (!extra) return std::unexpected(extra.error());
  out.append(caller.method).append(" ").append(facts.target.target).append(" HTTP/1.1\r\n");
  append_line(out, "Host", facts.target.at.authority);
  const RequestFields fields{caller.headers, facts.inject};
  bool has_user_agent = false;
  for (const auto& [name, value] : caller.headers.all()) {
    if (!fields.passes(name)) continue;
    has_user_agent = has_user_agent || equal_ignoring_case(name, "User-Agent");
    append_line(out, name, value);
  }
  if (!has_user_agent) append_line(out, "User-Agent", facts.user_agent);
  for (const auto& [name, value] : *extra) append_line(out, name, value);
  if (auto added = append_credential(facts.inject, facts.access_token, out); !added) return added;
  append_framing(facts, out);
  out.append("\r\n");
  return {};
}

}  // namespace evergrant
