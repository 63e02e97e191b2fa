// Identifiers. One type each, so that a tenant cannot be passed for a realm.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace evergrant {

template <class Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string text) : text_{std::move(text)} {}
  explicit Id(std::string_view text) : text_{text} {}
  explicit Id(const char* text) : text_{text} {}

  [[nodiscard]] const std::string& str() const noexcept { return text_; }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  auto operator<=>(const Id&) const = default;

 private:
  std::string text_;
};

using ConnectionId = Id<struct ConnectionTag>;      // made here: "con_" + 26 characters
using RegistrationId = Id<struct RegistrationTag>;  // from the configuration: [a-z0-9_-]{1,64}
using ProviderId = Id<struct ProviderTag>;          // from the profile's file name
using TenantId = Id<struct TenantTag>;              // the application's, opaque: 1 to 200 printable characters
using RealmId = Id<struct RealmTag>;                // the provider's account: 1 to 500 characters
using CallerId = Id<struct CallerTag>;              // made here: "cal_" + 26 characters
using AttemptId = Id<struct AttemptTag>;            // made here: "att_" + 26 characters
using SessionId = Id<struct SessionTag>;            // a connect session: "cs_" + 26 characters
using KeyId = Id<struct KeyTag>;                    // a root or tenant key: "rk_" or "tk_" + 26 characters

// Counter of a connection's token sets; starts at 1.
using Generation = std::int64_t;
// Fencing number of a lease; grows with each claim.
using Fence = std::int64_t;

}  // namespace evergrant

template <class Tag>
struct std::hash<evergrant::Id<Tag>> {
  std::size_t operator()(const evergrant::Id<Tag>& id) const noexcept { return std::hash<std::string>{}(id.str()); }
};
