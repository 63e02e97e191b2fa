#include "sandbox/state.hpp"

#include <algorithm>

#include "sandbox/client_check.hpp"

namespace evergrant {
namespace {

std::vector<Company> first_companies() {
  return {{"4620816365000000001", "Sandbox Company US 1"},
          {"4620816365000000002", "Sandbox Company US 2"},
          {"4620816365000000003", "Sandbox Company UK 1"},
          {"4620816365000000004", "Sandbox Company AU 1"}};
}

}  // namespace

SandboxState::SandboxState(const SandboxOptions& from, const Clock& base_clock, Random& random)
    : options{from},
      settings{from.settings},
      clients{from.clients},
      clock{base_clock},
      mint{random, from.marker},
      keys{from.marker},
      companies{first_companies()},
      assertions{base_clock} {}

Rotation SandboxState::rotation_for(std::string_view client_id) const {
  const SandboxClient* client = find_client(clients, client_id);
  return client != nullptr && client->rotation ? *client->rotation : settings.rotation;
}

const Company& SandboxState::company(std::string_view realm) {
  const auto found = std::ranges::find(companies, realm, &Company::realm);
  if (found != companies.end()) return *found;
  changed = true;
  return companies.emplace_back(std::string{realm}, "Sandbox Company " + std::string{realm});
}

void SandboxState::reset() {
  settings = options.settings;
  clients = options.clients;
  clock.reset();
  keys.clear();
  ledger.clear();
  companies = first_companies();
  customers.clear();
  pages.clear();
  gate.clear();
  assertions.clear();
  changed = true;
}

bool is_realm(std::string_view text) {
  constexpr std::string_view others = "._-";
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           others.find(c) != std::string_view::npos;
  });
}

}  // namespace evergrant
