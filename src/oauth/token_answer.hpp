// What a token endpoint's answer means: the one table of real providers' odd answers (TOK-06 to TOK-14, REF-10). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/connection.hpp"
#include "model/registration.hpp"
#include "model/token_set.hpp"
#include "net/http.hpp"

namespace evergrant {

// The question that was asked; expiry counts from `sent_at`, the conservative end (TOK-09).
struct SentTokenRequest {
  Time sent_at;
  std::vector<std::string> scope;  // requested, or granted before: what an answer without scope means
  std::string pair = {};           // the further token pair that is refreshed; empty: the main one
};

struct Verdict {
  FailureClass failure = FailureClass::none;  // none: `tokens` is there
  bool sent = true;                           // false: the request never left, so the provider cannot have acted
  std::optional<TokenSet> tokens;
  std::vector<PairTokens> pairs;  // further ones beside the main one, in the order of the profile (REF-23)
  std::string code;               // the provider's error code, or ours: http_503, malformed_answer, timeout …
  std::string description;        // printable
  std::optional<Duration> retry_after;
  std::string correlation;  // the provider's correlation id (TOK-18)
  int status = 0;           // of the HTTP answer; 0: there was none
};

// A complete HTTP answer. A 2xx that states an error by its code is judged by that code (GitHub, Slack, Zoho); any other 2xx
// without usable tokens is ambiguous (the provider has acted), never `grant`. An answer without a code gets "http_<status>",
// which a profile may list among its terminal codes.
[[nodiscard]] Verdict judge_token_answer(const HttpResponse& response, const Provider& provider,
                                         const SentTokenRequest& sent, Time now);
// No answer: nothing sent (transient; or registration, where our own configuration forbids it), or sent and lost
// (ambiguous).
[[nodiscard]] Verdict judge_transport_error(const Error& error);

// Retry-After in seconds or as an HTTP-date (REF-12); bounded to a day.
[[nodiscard]] std::optional<Duration> retry_after(const HttpResponse& response, Time now);
[[nodiscard]] std::string correlation_of(const HttpResponse& response, const Provider& provider);

}  // namespace evergrant
