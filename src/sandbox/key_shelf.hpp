// The sandbox's RS256 signing keys: one that signs, older ones that stay in the key set until they are dropped.
// A key is made when it is first needed. Not synchronised: the Sandbox guards it.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "crypto/jose.hpp"

namespace evergrant {

class KeyShelf {
 public:
  explicit KeyShelf(std::string marker) : marker_{std::move(marker)} {}

  // A compact JWS. Errors: internal (OpenSSL refused to make a key or to sign).
  [[nodiscard]] Result<std::string> sign(const boost::json::object& claims);
  // A JWS whose signature was made by a key that is not in the set.
  [[nodiscard]] Result<std::string> sign_with_foreign_key(const boost::json::object& claims);
  [[nodiscard]] Result<boost::json::object> key_set();
  // From now on a new key signs; the old ones stay published only if `keep_old`.
  [[nodiscard]] Result<> rotate(bool keep_old);
  void clear();

  // Private keys as PEM, for the state file.
  [[nodiscard]] Result<boost::json::object> to_json() const;
  [[nodiscard]] Result<> restore(const boost::json::object& saved);  // throws on JSON of another shape

 private:
  [[nodiscard]] Result<> ensure_one();
  std::string marker_;
  std::vector<SigningKey> keys_;  // the newest, which signs, last
  int made_ = 0;
};

}  // namespace evergrant
