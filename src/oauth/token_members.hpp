// A successful token answer's members as a token set (RFC 6749 5.1 and how providers depart from it). Pure.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/provider.hpp"
#include "model/token_set.hpp"
#include "oauth/json_member.hpp"
#include "oauth/token_answer.hpp"

namespace evergrant {

// How the answer about one token pair is read: where its members are, and by which names.
struct PairReading {
  std::optional<Provider> provider;  // with the pair's names for the members; nothing: as the profile says
  std::string path;                  // the object that holds them; empty: the answer itself
  bool has_tokens = false;
};
// For the main pair (`name` empty), and for a further one, whose refresh may be answered at its path or at the top. One that
// the profile does not name (any more) is read as the main one.
[[nodiscard]] PairReading reading_of(std::string_view name, const boost::json::value& answer, const Provider& provider);

// The further pairs of an answer about the main one; their tokens are taken out of it. Errors as read_token_set.
[[nodiscard]] std::expected<std::vector<PairTokens>, std::string_view> take_pairs(WipedJson& answer,
                                                                                  const Provider& provider,
                                                                                  const SentTokenRequest& sent);

// True if the answer holds an access token at all.
[[nodiscard]] bool has_access_token(const boost::json::value& body, const TokenProfile& profile);

// Or which part makes it unusable: "no_access_token", "malformed_access_token", "no_token_type", "unknown_token_type".
[[nodiscard]] std::expected<TokenSet, std::string_view> read_token_set(WipedJson body, const Provider& provider,
                                                                       const SentTokenRequest& sent);

}  // namespace evergrant
