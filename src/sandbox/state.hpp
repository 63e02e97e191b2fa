// Everything a sandbox knows, in one place. Not synchronised: the Sandbox guards it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/api_gate.hpp"
#include "sandbox/client_assertions.hpp"
#include "sandbox/key_shelf.hpp"
#include "sandbox/ledger.hpp"
#include "sandbox/mint.hpp"
#include "sandbox/options.hpp"
#include "sandbox/sandbox_clock.hpp"

namespace evergrant {

struct Company {
  std::string realm;
  std::string name;
};

struct Customer {
  int id = 0;
  std::string realm;
  std::string display_name;
};

// What an application asked of the customer at the authorization endpoint.
struct AuthorizationAsk {
  std::string client_id;
  std::string redirect_uri;
  std::vector<std::string> scope;
  std::string state;
  std::string nonce;
  std::string challenge;
  std::string login_hint;
  bool realm_claim = false;
};

// A consent page that is open in a browser: answered once, by the browser that got it.
struct OpenPage {
  AuthorizationAsk ask;
  std::string form_token;
  std::string cookie;
  Time expires_at;
};

struct SandboxState {
  SandboxState(const SandboxOptions& from, const Clock& base_clock, Random& random);

  SandboxOptions options;  // as it was started; `settings` and `clients` below are what holds now
  SandboxSettings settings;
  std::vector<SandboxClient> clients;
  SandboxClock clock;
  Mint mint;
  KeyShelf keys;
  Ledger ledger;
  std::vector<Company> companies;
  std::vector<Customer> customers;
  std::map<std::string, OpenPage, std::less<>> pages;  // by form token
  ApiGate gate;
  ClientAssertions assertions;
  bool changed = false;  // since the state file was written

  [[nodiscard]] std::string issuer() const { return settings.issuer.empty() ? options.base_url : settings.issuer; }
  [[nodiscard]] Rotation rotation_for(std::string_view client_id) const;
  // The company of a realm; a realm that nobody named before gets one.
  const Company& company(std::string_view realm);
  // Back to how it was started.
  void reset();
};

// A realm as people may type it: 1 to 64 of A-Z a-z 0-9 . _ -
[[nodiscard]] bool is_realm(std::string_view text);

}  // namespace evergrant
