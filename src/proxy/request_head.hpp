// The head of a request to a provider's API, as bytes: what of the caller's passes, what the profile adds, the credential,
// and framing of our own. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/secret.hpp"
#include "model/provider.hpp"
#include "net/http.hpp"
#include "proxy/target.hpp"

namespace evergrant {

struct RequestHeadFacts {
  const HttpRequest& caller;
  const ProxyTarget& target;
  const InjectProfile& inject;
  std::string_view realm;
  const Secret& access_token;
  std::string_view user_agent;          // where the caller names none
  std::optional<std::uint64_t> length;  // of the body; nothing: chunked
  bool expects_continue = false;        // the provider is asked before the body is sent
};

// Appends to `out`, which the caller wipes: it holds the credential. Errors: invalid_argument (a method that is none, a
// realm that no header can hold), internal (a token that no header can hold).
[[nodiscard]] Result<> append_request_head(const RequestHeadFacts& facts, std::string& out);

}  // namespace evergrant
