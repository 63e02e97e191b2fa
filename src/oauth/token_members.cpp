#include "oauth/token_members.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "crypto/strict_json.hpp"
#include "oauth/token_lifetime.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

constexpr std::size_t max_member = 2048;

// The member that stands beside the access token, where that is nested; else at the top.
std::string beside_access_token(const json::value& body, const TokenProfile& profile, std::string_view name) {
  const auto dot = profile.access_token_member.rfind('.');
  if (dot == std::string::npos) return std::string{name};
  std::string path = profile.access_token_member.substr(0, dot + 1) + std::string{name};
  return member_at(body, path) == nullptr ? std::string{name} : path;
}

bool is_token_text(std::string_view token) {
  return std::ranges::all_of(token, [](char c) { return c >= 0x20 && c < 0x7F; });  // VSCHAR (RFC 6749 A.12)
}

std::expected<std::string, std::string_view> token_type(const json::value& body, const TokenProfile& profile) {
  const auto found = string_at(body, beside_access_token(body, profile, "token_type"));
  const std::string type{found.value_or(profile.default_token_type)};
  if (type.empty()) return std::unexpected("no_token_type");
  const auto same = [&](const std::string& accepted) { return equal_ignoring_case(accepted, type); };
  if (std::ranges::none_of(profile.token_types, same)) return std::unexpected("unknown_token_type");
  return equal_ignoring_case(type, "bearer") ? "Bearer" : printable(type, 50);
}

std::vector<std::string> split_scope(std::string_view text, std::string_view separators) {
  std::vector<std::string> scope;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(separators), text.size());
    if (const auto piece = trim(text.substr(0, end)); !piece.empty()) scope.emplace_back(piece);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return scope;
}

// TOK-10. Text, a list (Twitch), or silence, which means what was asked for.
std::vector<std::string> granted_scope(const json::value& body, const TokenProfile& profile, const SentTokenRequest& sent) {
  const auto* value = member_at(body, profile.scope_member);
  if (value == nullptr) return sent.scope;
  if (const auto* text = value->if_string()) return split_scope(*text, profile.scope_separators);
  const auto* list = value->if_array();
  if (list == nullptr) return sent.scope;
  std::vector<std::string> scope;
  for (const auto& element : *list) {
    if (const auto* text = element.if_string(); text != nullptr && !text->empty()) {
      scope.emplace_back(std::string_view{*text});
    }
  }
  return scope;
}

// The profile cannot make a token an extra by listing it.
bool is_token_member(std::string_view path, const TokenProfile& profile) {
  return path == profile.access_token_member || path == profile.refresh_token_member || path == "id_token" ||
         path.ends_with(".access_token") || path.ends_with(".refresh_token") || path.ends_with(".id_token") ||
         path == "access_token" || path == "refresh_token";
}

std::map<std::string, std::string> kept_extras(const json::value& body, const TokenProfile& profile) {
  std::map<std::string, std::string> extras;
  for (const auto& path : profile.kept_members) {
    const auto* value = is_token_member(path, profile) ? nullptr : member_at(body, path);
    if (value == nullptr) continue;
    auto text = text_of(*value);
    if (text && text->size() <= max_member) extras.emplace(path, std::move(*text));
  }
  return extras;
}

Secret remaining_members(json::value& body, const TokenProfile& profile, std::string_view id_token_path) {
  erase_at(body, profile.access_token_member);
  erase_at(body, profile.refresh_token_member);
  erase_at(body, id_token_path);
  if (body.get_object().empty()) return {};
  return serialize_secret(body);
}

Provider provider_of(const PairProfile& pair, Provider provider) {
  TokenProfile& token = provider.token;
  token.access_token_member = pair.access_token_member;
  token.refresh_token_member = pair.refresh_token_member;
  token.expires_in_member = pair.expires_in_member;
  token.scope_member = pair.scope_member;
  token.kept_members = pair.kept_members;
  if (!pair.token_types.empty()) token.token_types = pair.token_types;
  token.pairs.clear();
  return provider;
}

// A registration of ours may ask for the nested tokens alone (a Slack app without a bot): then they are the main ones.
bool is_main(const PairProfile& pair, const TokenProfile& profile) {
  return profile.access_token_member.starts_with(pair.path + '.');
}

}  // namespace

PairReading reading_of(std::string_view name, const json::value& answer, const Provider& provider) {
  const auto& pairs = provider.token.pairs;
  const auto pair = name.empty() ? pairs.end() : std::ranges::find(pairs, name, &PairProfile::name);
  PairReading reading;
  if (pair != pairs.end()) {
    reading.provider = provider_of(*pair, provider);
    const auto* object = member_at(answer, pair->path);
    if (object != nullptr && has_access_token(*object, reading.provider->token)) reading.path = pair->path;
  }
  const TokenProfile& profile = reading.provider ? reading.provider->token : provider.token;
  reading.has_tokens = !reading.path.empty() || has_access_token(answer, profile);
  return reading;
}

std::expected<std::vector<PairTokens>, std::string_view> take_pairs(WipedJson& answer, const Provider& provider,
                                                                    const SentTokenRequest& sent) {
  std::vector<PairTokens> taken;
  for (const PairProfile& pair : provider.token.pairs) {
    const Provider reading = provider_of(pair, provider);
    const auto* object = is_main(pair, provider.token) ? nullptr : member_at(answer.get(), pair.path);
    if (object == nullptr || !has_access_token(*object, reading.token)) continue;
    // What was asked for is the main pair's scope; silence about this one's says nothing.
    auto tokens = read_token_set(WipedJson{*object}, reading, {.sent_at = sent.sent_at, .scope = {}});
    if (!tokens) return std::unexpected(tokens.error());
    tokens->id_token.reset();  // about the customer, who is identified by the main answer
    for (const auto& member : {pair.access_token_member, pair.refresh_token_member, std::string{"id_token"}}) {
      erase_at(answer.get(), pair.path + '.' + member);
    }
    taken.push_back({.pair = pair.name, .tokens = std::move(*tokens)});
  }
  return taken;
}

bool has_access_token(const json::value& body, const TokenProfile& profile) {
  return string_at(body, profile.access_token_member).has_value();
}

std::expected<TokenSet, std::string_view> read_token_set(WipedJson body, const Provider& provider,
                                                         const SentTokenRequest& sent) {
  const TokenProfile& profile = provider.token;
  json::value& root = body.get();
  const auto access = string_at(root, profile.access_token_member);
  if (!access) return std::unexpected("no_access_token");
  if (!is_token_text(*access)) return std::unexpected("malformed_access_token");
  auto type = token_type(root, profile);
  if (!type) return std::unexpected(type.error());
  TokenSet tokens;
  tokens.access_token = Secret{*access};
  tokens.token_type = std::move(*type);
  if (const auto text = string_at(root, profile.refresh_token_member)) tokens.refresh_token.emplace(*text);
  const std::string id_token_path = beside_access_token(root, profile, "id_token");
  if (const auto text = string_at(root, id_token_path)) tokens.id_token.emplace(*text);
  tokens.scope = granted_scope(root, profile, sent);
  tokens.access_expires_at = access_expiry(root, provider, sent.sent_at);
  tokens.refresh_idle_expires_at = refresh_idle_expiry(root, provider, sent.sent_at);
  tokens.refresh_absolute_expires_at = refresh_absolute_expiry(root, provider, sent.sent_at);
  tokens.extras = kept_extras(root, profile);
  tokens.raw_extras = remaining_members(root, profile, id_token_path);
  return tokens;
}

}  // namespace evergrant
