// The grants, their tokens and the codes that lead to them: what is issued, what still works, what ends a grant.
// Knows no HTTP. Not synchronised: the Sandbox guards it. References that it gives hold until `clear` or `restore`.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sandbox/grant.hpp"
#include "sandbox/mint.hpp"
#include "sandbox/settings.hpp"

namespace evergrant {

struct IssuedCode {
  Consent consent;
  std::string redirect_uri;
  std::string challenge;  // PKCE S256; empty: none was sent
  Time expires_at;
  bool used = false;
  std::string grant;  // that it opened
};

// What a refresh token's state means for the request that presents it. Pure, so that its test is a table.
enum class RefreshRuling : std::uint8_t { same_value, new_value, refuse, refuse_and_end_grant };
[[nodiscard]] RefreshRuling rule_on_refresh(Rotation rotation, const SandboxSettings& settings,
                                            const IssuedRefreshToken& token, Time now);

struct Issued {
  std::string access_token;
  std::string refresh_token;  // empty: none (self_refresh)
  Time refresh_expires_at;
};

enum class AccessState : std::uint8_t { good, expired, killed, unknown };

class Ledger {
 public:
  [[nodiscard]] std::string issue_code(IssuedCode code, Mint& mint);
  [[nodiscard]] IssuedCode* code(std::string_view value);

  Grant& open(Consent consent, Rotation rotation, const SandboxSettings& settings, Mint& mint, Time now);
  [[nodiscard]] Issued current(const Grant& grant) const;
  // Nothing: refused, and the grant is ended where the rotation says so.
  [[nodiscard]] std::optional<Issued> refresh(Grant& grant, std::string_view presented, Rotation rotation,
                                              const SandboxSettings& settings, Mint& mint, Time now);
  void end(Grant& grant, std::string reason, Time now);

  [[nodiscard]] Grant* by_id(std::string_view id);
  [[nodiscard]] Grant* by_token(std::string_view token);  // an access or a refresh token, dead or alive
  [[nodiscard]] AccessState access_state(const Grant& grant, std::string_view token, Time now) const;
  [[nodiscard]] std::deque<Grant>& grants() { return grants_; }
  [[nodiscard]] const std::deque<Grant>& grants() const { return grants_; }

  void clear();
  void restore(std::deque<Grant> grants);

 private:
  void add_access_token(Grant& grant, const SandboxSettings& settings, Mint& mint, Time now);
  void add_refresh_token(Grant& grant, const SandboxSettings& settings, Mint& mint, Time now);
  std::optional<Issued> self_refresh(Grant& grant, std::string_view presented, const SandboxSettings& settings, Mint& mint,
                                     Time now);
  void forget_oldest(Grant& grant);

  std::deque<Grant> grants_;
  std::unordered_map<std::string, Grant*> by_token_;  // a deque's elements stay where they are
  std::map<std::string, IssuedCode, std::less<>> codes_;
};

}  // namespace evergrant
