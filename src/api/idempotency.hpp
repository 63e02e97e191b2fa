// Idempotency keys on POST: the same key and request give the same answer for a day; the answer is kept sealed.
// Thread-safe.
#pragma once

#include <optional>
#include <string>

#include "api/call.hpp"
#include "store/store.hpp"
#include "store/vault.hpp"

namespace evergrant {

class Idempotency {
 public:
  Idempotency(Store& store, Vault& vault, Clock& clock);

  // The stored answer; nothing: this request is the first, and `finish` or `forget` must follow.
  // Errors: invalid_argument (malformed key), conflict (another request used it, or it is still in progress).
  Task<Result<std::optional<Reply>>> begin(const Call& call, std::string key);
  // Keeps `reply`. Errors are the store's; the request itself has succeeded by then.
  Task<Result<>> finish(const Call& call, std::string key, const Reply& reply);
  // The request failed: the key may be used again.
  Task<Result<>> forget(const Call& call, std::string key);

 private:
  Store& store_;
  Vault& vault_;
  Clock& clock_;
};

}  // namespace evergrant
