#include "oauth/token_answer.hpp"

#include <algorithm>

#include "fuzz/fuzz.hpp"
#include "oauth/profile.hpp"

using namespace evergrant;

namespace {

constexpr std::array<std::string_view, 10> providers{"quickbooks", "github", "slack",  "facebook", "microsoft",
                                                     "xero",       "zoho",   "square", "google",   "oauth2"};
constexpr std::array statuses{200, 400, 500, 201, 204, 302, 401, 429, 503, 100};
constexpr std::array<std::string_view, 4> types{"application/json", "application/x-www-form-urlencoded", "text/html", ""};
constexpr Time sent_at{Duration{1'767'225'600'000}};

const Provider& shipped(std::string_view id) {
  static const ProviderCatalogue all = load_profiles({EVERGRANT_SOURCE_DIR "/providers"}).value();
  const Provider* found = all.find(ProviderId{id});
  fuzz::demand(found != nullptr, "a shipped profile is there");
  return *found;
}

bool is_shown(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7F; });
}

void demand_sound_tokens(const TokenSet& tokens) {
  constexpr auto century = std::chrono::hours{24 * 366 * 100};
  fuzz::demand(is_shown(tokens.access_token.reveal()), "an access token is VSCHAR (RFC 6749 A.12)");
  fuzz::demand(!tokens.refresh_token || !tokens.refresh_token->empty(), "a refresh token is not empty");
  fuzz::demand_printable(tokens.token_type, 50, "a token's type is printable");
  for (const auto& end : {tokens.access_expires_at, tokens.refresh_idle_expires_at, tokens.refresh_absolute_expires_at}) {
    fuzz::demand(!end || (*end >= sent_at && *end <= sent_at + century), "an end lies ahead, and not for ever");
  }
  for (const auto& [name, value] : tokens.extras) fuzz::demand(value.size() <= 2048, "an extra is short");
}

// I4: a success that nobody can read has rotated the token, perhaps; it never ends a grant.
void demand_consistent(const Verdict& verdict, const SentTokenRequest& sent) {
  const bool has_tokens = verdict.tokens.has_value();
  fuzz::demand(has_tokens == (verdict.failure == FailureClass::none), "tokens, or a failure: never both");
  fuzz::demand(has_tokens == verdict.code.empty(), "a failure has a code");
  fuzz::demand(!has_tokens || (verdict.status >= 200 && verdict.status < 300), "tokens come with a success status");
  fuzz::demand(has_tokens || verdict.pairs.empty(), "further pairs come with the main one");
  fuzz::demand(verdict.sent, "an answer was asked for");
  fuzz::demand_printable(verdict.code, 100, "a code is printable");
  fuzz::demand_printable(verdict.description, 300, "a description is printable");
  fuzz::demand_printable(verdict.correlation, 200, "a correlation id is printable");
  fuzz::demand(
      !verdict.retry_after || (*verdict.retry_after >= Duration{0} && *verdict.retry_after <= std::chrono::hours{24}),
      "a pause is at most a day (REF-12)");
  if (!has_tokens) return;
  demand_sound_tokens(*verdict.tokens);
  for (const auto& pair : verdict.pairs) demand_sound_tokens(pair.tokens);
  fuzz::demand(sent.pair.empty() || verdict.pairs.empty(), "a pair's refresh brings that pair alone");
}

}  // namespace

// A token endpoint's answer. First letters: provider, status, content type, whether a further pair is refreshed; then a line
// that is the Retry-After and intuit_tid header, then the body.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto input = fuzz::bytes_of(data, size);
  const Provider& provider = shipped(fuzz::pick(input, providers));
  HttpResponse response{.status = fuzz::pick(input, statuses), .headers = {}, .body = {}};
  if (const auto type = fuzz::pick(input, types); !type.empty()) response.headers.add("Content-Type", std::string{type});
  SentTokenRequest sent{.sent_at = sent_at, .scope = {"asked"}};
  if (fuzz::pick(input, 2) == 1 && !provider.token.pairs.empty()) sent.pair = provider.token.pairs.front().name;
  const auto line = std::min(input.find('\n'), input.size());
  response.headers.add("Retry-After", std::string{input.substr(0, line)});
  response.headers.add("intuit_tid", std::string{input.substr(0, line)});
  response.body = input.substr(std::min(line + 1, input.size()));
  demand_consistent(judge_token_answer(response, provider, sent, sent_at), sent);
  return 0;
}
