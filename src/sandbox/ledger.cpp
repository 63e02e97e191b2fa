#include "sandbox/ledger.hpp"

#include <algorithm>
#include <charconv>

namespace evergrant {
namespace {

constexpr std::size_t tokens_remembered = 64;  // per grant and kind
constexpr std::size_t codes_remembered = 1000;
constexpr std::string_view grant_prefix = "grant-";

IssuedRefreshToken* find_refresh(Grant& grant, std::string_view value) {
  const auto found = std::ranges::find(grant.refresh_tokens, value, &IssuedRefreshToken::value);
  return found == grant.refresh_tokens.end() ? nullptr : &*found;
}

Time rotates_at(const SandboxSettings& settings, const IssuedRefreshToken& token) {
  return token.issued_at + settings.rotate_every + settings.rotate_jitter * token.jitter_permille / 1000;
}

}  // namespace

RefreshRuling rule_on_refresh(Rotation rotation, const SandboxSettings& settings, const IssuedRefreshToken& token,
                              Time now) {
  const auto superseded_within = [&](Duration window) { return token.superseded_at && now < *token.superseded_at + window; };
  if (!token.superseded_at && now >= token.expires_at) return RefreshRuling::refuse;
  switch (rotation) {
    case Rotation::never:
    case Rotation::self_refresh: return token.superseded_at ? RefreshRuling::refuse : RefreshRuling::same_value;
    case Rotation::sometimes:
      if (superseded_within(settings.previous_value_lives)) return RefreshRuling::same_value;
      if (token.superseded_at) return RefreshRuling::refuse;
      return now >= rotates_at(settings, token) ? RefreshRuling::new_value : RefreshRuling::same_value;
    case Rotation::always_with_grace:
      if (superseded_within(settings.grace)) return RefreshRuling::new_value;
      return token.superseded_at ? RefreshRuling::refuse : RefreshRuling::new_value;
    case Rotation::always_strict:
      return token.superseded_at ? RefreshRuling::refuse_and_end_grant : RefreshRuling::new_value;
  }
  return RefreshRuling::refuse;
}

std::string Ledger::issue_code(IssuedCode code, Mint& mint) {
  if (codes_.size() >= codes_remembered) {
    codes_.erase(std::ranges::min_element(codes_, {}, [](const auto& entry) { return entry.second.expires_at; }));
  }
  std::string value = mint.code();
  codes_.emplace(value, std::move(code));
  return value;
}

IssuedCode* Ledger::code(std::string_view value) {
  const auto found = codes_.find(value);
  return found == codes_.end() ? nullptr : &found->second;
}

Grant& Ledger::open(Consent consent, Rotation rotation, const SandboxSettings& settings, Mint& mint, Time now) {
  Grant& grant = grants_.emplace_back();
  grant.id = std::string{grant_prefix} + std::to_string(grants_.size());
  grant.consent = std::move(consent);
  grant.created_at = now;
  grant.absolute_end = now + settings.refresh_absolute;
  add_access_token(grant, settings, mint, now);
  if (rotation != Rotation::self_refresh) add_refresh_token(grant, settings, mint, now);
  return grant;
}

Issued Ledger::current(const Grant& grant) const {
  Issued issued{.access_token = grant.access_tokens.back().value, .refresh_token = {}, .refresh_expires_at = {}};
  if (!grant.refresh_tokens.empty()) {
    issued.refresh_token = grant.refresh_tokens.back().value;
    issued.refresh_expires_at = grant.refresh_tokens.back().expires_at;
  }
  return issued;
}

std::optional<Issued> Ledger::refresh(Grant& grant, std::string_view presented, Rotation rotation,
                                      const SandboxSettings& settings, Mint& mint, Time now) {
  IssuedRefreshToken* token = find_refresh(grant, presented);
  if (token != nullptr && token->superseded_at) ++grant.superseded_presented;
  if (grant.alive && now >= grant.absolute_end) end(grant, "absolute_end", now);
  if (!grant.alive) return std::nullopt;
  if (token == nullptr) {
    if (rotation != Rotation::self_refresh) return std::nullopt;
    return self_refresh(grant, presented, settings, mint, now);
  }
  const RefreshRuling ruling = rule_on_refresh(rotation, settings, *token, now);
  if (ruling == RefreshRuling::refuse_and_end_grant) end(grant, "reuse", now);
  if (ruling == RefreshRuling::refuse && !token->superseded_at) end(grant, "idle", now);
  if (ruling == RefreshRuling::refuse || ruling == RefreshRuling::refuse_and_end_grant) return std::nullopt;

  if (ruling == RefreshRuling::new_value) add_refresh_token(grant, settings, mint, now);
  // A value that never changes stays alive by being used.
  if (rotation == Rotation::never) {
    token->expires_at = std::min(now + settings.refresh_idle, grant.absolute_end);
  }
  add_access_token(grant, settings, mint, now);
  ++grant.refreshes;
  grant.last_refreshed_at = now;
  return current(grant);
}

std::optional<Issued> Ledger::self_refresh(Grant& grant, std::string_view presented, const SandboxSettings& settings,
                                           Mint& mint, Time now) {
  if (access_state(grant, presented, now) != AccessState::good) return std::nullopt;
  add_access_token(grant, settings, mint, now);
  ++grant.refreshes;
  grant.last_refreshed_at = now;
  return current(grant);
}

void Ledger::end(Grant& grant, std::string reason, Time now) {
  if (!grant.alive) return;
  grant.alive = false;
  grant.ended_by = std::move(reason);
  grant.ended_at = now;
  for (auto& token : grant.access_tokens) token.killed = true;
}

Grant* Ledger::by_id(std::string_view id) {
  if (!id.starts_with(grant_prefix)) return nullptr;
  id.remove_prefix(grant_prefix.size());
  std::size_t number = 0;
  const auto [rest, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc{} || rest != id.data() + id.size() || number == 0 || number > grants_.size()) return nullptr;
  return &grants_[number - 1];
}

Grant* Ledger::by_token(std::string_view token) {
  const auto found = by_token_.find(std::string{token});
  return found == by_token_.end() ? nullptr : found->second;
}

AccessState Ledger::access_state(const Grant& grant, std::string_view token, Time now) const {
  const auto found = std::ranges::find(grant.access_tokens, token, &IssuedAccessToken::value);
  if (found == grant.access_tokens.end()) return AccessState::unknown;
  if (found->killed) return AccessState::killed;
  return now >= found->expires_at ? AccessState::expired : AccessState::good;
}

void Ledger::add_access_token(Grant& grant, const SandboxSettings& settings, Mint& mint, Time now) {
  if (settings.refresh_kills_access_token) {
    for (auto& token : grant.access_tokens) token.killed = true;
  }
  grant.access_tokens.push_back(
      {.value = mint.access_token(), .expires_at = now + settings.access_lifetime, .killed = false});
  by_token_.emplace(grant.access_tokens.back().value, &grant);
  forget_oldest(grant);
}

void Ledger::add_refresh_token(Grant& grant, const SandboxSettings& settings, Mint& mint, Time now) {
  for (auto& token : grant.refresh_tokens) {
    if (!token.superseded_at) token.superseded_at = now;
  }
  const Time expires = std::min(now + settings.refresh_idle, grant.absolute_end);
  grant.refresh_tokens.push_back({.value = mint.refresh_token(expires),
                                  .issued_at = now,
                                  .expires_at = expires,
                                  .jitter_permille = mint.permille(),
                                  .superseded_at = std::nullopt});
  ++grant.refresh_values;
  by_token_.emplace(grant.refresh_tokens.back().value, &grant);
  forget_oldest(grant);
}

void Ledger::forget_oldest(Grant& grant) {
  if (grant.access_tokens.size() > tokens_remembered) {
    by_token_.erase(grant.access_tokens.front().value);
    grant.access_tokens.erase(grant.access_tokens.begin());
  }
  if (grant.refresh_tokens.size() > tokens_remembered) {
    by_token_.erase(grant.refresh_tokens.front().value);
    grant.refresh_tokens.erase(grant.refresh_tokens.begin());
  }
}

void Ledger::clear() { restore({}); }

void Ledger::restore(std::deque<Grant> grants) {
  grants_ = std::move(grants);
  codes_.clear();
  by_token_.clear();
  for (Grant& grant : grants_) {
    for (const auto& token : grant.access_tokens) by_token_.emplace(token.value, &grant);
    for (const auto& token : grant.refresh_tokens) by_token_.emplace(token.value, &grant);
  }
}

}  // namespace evergrant
