#include "model/token_set.hpp"

namespace evergrant {
namespace {

std::optional<Secret> clone(const std::optional<Secret>& secret) {
  return secret ? std::optional{secret->clone()} : std::nullopt;
}

}  // namespace

TokenSet clone(const TokenSet& tokens) {
  return {.access_token = tokens.access_token.clone(),
          .token_type = tokens.token_type,
          .refresh_token = clone(tokens.refresh_token),
          .id_token = clone(tokens.id_token),
          .scope = tokens.scope,
          .access_expires_at = tokens.access_expires_at,
          .refresh_idle_expires_at = tokens.refresh_idle_expires_at,
          .refresh_absolute_expires_at = tokens.refresh_absolute_expires_at,
          .extras = tokens.extras,
          .raw_extras = tokens.raw_extras.clone()};
}

std::vector<PairTokens> clone(const std::vector<PairTokens>& pairs) {
  std::vector<PairTokens> copies;
  copies.reserve(pairs.size());
  for (const auto& one : pairs) copies.push_back({.pair = one.pair, .tokens = clone(one.tokens)});
  return copies;
}

}  // namespace evergrant
