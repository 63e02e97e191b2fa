// Callers that need no key: processes of this machine, known by the user whom the kernel names at the other end of the unix
// socket. From the configuration; immutable; thread-safe.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "model/caller.hpp"
#include "net/http.hpp"

namespace evergrant {

// "local:<name>": no key and no row in the store.
[[nodiscard]] bool is_local(const CallerId& id) noexcept;
[[nodiscard]] CallerId local_id(std::string_view name);

struct LocalCaller {
  std::uint32_t uid = 0;
  Caller caller;
};

class LocalCallers {
 public:
  LocalCallers() = default;
  explicit LocalCallers(std::vector<LocalCaller> callers);
  // Errors: unauthenticated.
  [[nodiscard]] Result<std::shared_ptr<const Caller>> authenticate(const LocalPeer& peer) const;
  // Errors: not_found.
  [[nodiscard]] Result<Caller> find(const CallerId& id) const;

 private:
  std::unordered_map<std::uint32_t, std::shared_ptr<const Caller>> by_uid_;
};

}  // namespace evergrant
