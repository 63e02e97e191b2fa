#include "proxy/answer_rules.hpp"

#include <algorithm>
#include <array>

#include "oauth/challenge.hpp"

namespace evergrant {
namespace {

std::optional<BearerChallenge> bearer_in(std::string_view field) {
  const auto challenges = parse_challenges(field);
  if (!challenges) return std::nullopt;  // what cannot be read says nothing
  return bearer_challenge(*challenges);
}

AnswerVerdict step_up(const BearerChallenge& bearer) {
  return {.action = AnswerAction::step_up, .scope = bearer.scope, .description = bearer.error_description};
}

}  // namespace

AnswerVerdict judge_answer(const AnswerFacts& facts) {
  if (facts.status != 401 && facts.status != 403) return {};
  const auto bearer = bearer_in(facts.challenge);
  if (bearer && bearer->error == "insufficient_scope") return step_up(*bearer);
  if (facts.status == 403) return {};
  // RFC 6750 3.1: the request itself is wrong, and would be with any token.
  if (bearer && bearer->error == "invalid_request") return {};
  if (facts.replayed) return {};  // a new token was refused as well: it is not the token's age
  return {.action = facts.replayable ? AnswerAction::refresh_and_replay : AnswerAction::refresh_and_pass};
}

bool is_idempotent(std::string_view method) noexcept {
  static constexpr std::array<std::string_view, 5> methods{"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};
  return std::ranges::find(methods, method) != methods.end();
}

bool may_send_again(std::string_view method, const LostConnection& lost) noexcept {
  if (!lost.reused || lost.answer_begun || lost.timed_out || !lost.replayable) return false;
  return lost.nothing_sent || is_idempotent(method);
}

}  // namespace evergrant
