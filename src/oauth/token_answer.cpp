#include "oauth/token_answer.hpp"

#include <algorithm>
#include <charconv>

#include "base/encoding.hpp"
#include "oauth/answer_body.hpp"
#include "oauth/provider_error.hpp"
#include "oauth/token_members.hpp"

namespace evergrant {
namespace {

constexpr Duration longest_retry_after = std::chrono::hours{24};

std::string status_code(int status) { return "http_" + std::to_string(status); }

void set_failure(Verdict& verdict, FailureClass failure, std::string code, std::string description = {}) {
  verdict.failure = failure;
  verdict.code = std::move(code);
  verdict.description = std::move(description);
}

// Something was done, and nobody can read what: a rotated refresh token may be lost in it.
void set_unreadable(Verdict& verdict, std::string code, std::string description) {
  set_failure(verdict, FailureClass::ambiguous, std::move(code), std::move(description));
}

void take_tokens(WipedJson body, const Provider& provider, const SentTokenRequest& sent, Verdict& verdict) {
  auto pairs = take_pairs(body, provider, sent);
  if (!pairs) return set_unreadable(verdict, std::string{pairs.error()}, "a further token pair of the answer is not usable");
  auto tokens = read_token_set(std::move(body), provider, sent);
  if (!tokens) return set_unreadable(verdict, std::string{tokens.error()}, "the answer holds no usable token");
  verdict.tokens = std::move(*tokens);
  verdict.pairs = std::move(*pairs);
}

void judge_success(Result<WipedJson> answer, const Provider& provider, const SentTokenRequest& sent, Verdict& verdict) {
  if (!answer) return set_unreadable(verdict, "malformed_answer", answer.error().message);
  const bool failed = says_failure(answer->get(), provider.token.failure_members);
  const auto shapes = failed ? ErrorShapes::any : ErrorShapes::declared;
  const PairReading pair = reading_of(sent.pair, answer->get(), provider);
  if (failed || !pair.has_tokens) {
    auto error = read_provider_error(answer->get(), provider.errors, shapes);
    if (!error && failed) error = ProviderError{.code = "unnamed_error", .description = {}};
    if (error) return set_failure(verdict, class_of_error(error->code, provider.errors), error->code, error->description);
  }
  const auto& expected = provider.token.success_statuses;
  if (std::ranges::find(expected, verdict.status) == expected.end()) {
    return set_unreadable(verdict, status_code(verdict.status), "a success status that this provider does not use");
  }
  const Provider& reading = pair.provider ? *pair.provider : provider;
  if (pair.path.empty()) return take_tokens(std::move(*answer), reading, sent, verdict);
  take_tokens(WipedJson{*member_at(answer->get(), pair.path)}, reading, sent, verdict);
}

void judge_failure(const Result<WipedJson>& body, const Provider& provider, Verdict& verdict) {
  const auto error =
      body ? read_provider_error(body->get(), provider.errors, ErrorShapes::any) : std::optional<ProviderError>{};
  const auto named = error ? std::optional{error->code} : std::nullopt;
  std::string code = error ? error->code : status_code(verdict.status);
  std::string description = error ? error->description : std::string{};
  const bool transient = verdict.status < 400 || is_transient_status(verdict.status, provider.errors);
  FailureClass failure = transient ? FailureClass::transient : class_of_error(code, provider.errors);
  if (may_have_acted(verdict.status, named, provider.errors)) failure = FailureClass::ambiguous;
  set_failure(verdict, failure, std::move(code), std::move(description));
}

Verdict unsent(FailureClass failure, std::string code, const Error& error) {
  Verdict verdict;
  verdict.failure = failure;
  verdict.sent = false;
  verdict.code = std::move(code);
  verdict.description = printable(error.message, 300);
  return verdict;
}

Verdict lost(const Error& error) {
  Verdict verdict;
  verdict.failure = FailureClass::ambiguous;
  verdict.code = "no_answer";
  verdict.description = printable(error.message, 300);
  return verdict;
}

}  // namespace

Verdict judge_token_answer(const HttpResponse& response, const Provider& provider, const SentTokenRequest& sent, Time now) {
  Verdict verdict;
  verdict.status = response.status;
  verdict.retry_after = retry_after(response, now);
  verdict.correlation = correlation_of(response, provider);
  auto body = read_answer_body(response, provider.token.response);
  if (response.status >= 200 && response.status < 300) {
    judge_success(std::move(body), provider, sent, verdict);
  } else {
    judge_failure(body, provider, verdict);
  }
  return verdict;
}

Verdict judge_transport_error(const Error& error) {
  switch (error.code) {
    case Errc::provider_unavailable: return unsent(FailureClass::transient, "unreachable", error);
    case Errc::invalid_argument: return unsent(FailureClass::registration, "bad_endpoint", error);
    case Errc::unsupported: return unsent(FailureClass::registration, "unsupported", error);
    case Errc::unauthenticated:
    case Errc::forbidden:
    case Errc::not_found:
    case Errc::conflict:
    case Errc::gone:
    case Errc::too_large:
    case Errc::rate_limited:
    case Errc::reauth_required:
    case Errc::revoked:
    case Errc::quarantined:
    case Errc::registration_paused:
    case Errc::provider_rejected:
    case Errc::ambiguous:
    case Errc::stale:
    case Errc::busy:
    case Errc::deadline_exceeded:
    case Errc::sealed_broken:
    case Errc::key_unavailable:
    case Errc::store_unavailable:
    case Errc::insufficient_scope:
    case Errc::internal: break;
  }
  return lost(error);  // not known to be unsent: the provider may have acted
}

std::optional<Duration> retry_after(const HttpResponse& response, Time now) {
  const auto header = response.headers.find("Retry-After");
  if (!header) return std::nullopt;
  const auto text = trim(*header);
  if (const auto date = from_http_date(text)) return std::clamp(*date - now, Duration{0}, longest_retry_after);
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool whole = end == text.data() + text.size() && !text.empty() && text.front() != '-';
  if (!whole || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) return longest_retry_after;
  return std::min(std::chrono::seconds{std::min<std::int64_t>(seconds, 86400)}, std::chrono::seconds{86400});
}

std::string correlation_of(const HttpResponse& response, const Provider& provider) {
  for (const auto& name : provider.token.correlation_headers) {
    const auto value = response.headers.find(name);
    if (value && !value->empty()) return printable(*value, 200);
  }
  return {};
}

}  // namespace evergrant
