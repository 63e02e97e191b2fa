// The texts of tokens, codes and ids, in the shapes that Intuit's have. Every one is unguessable; none means anything.
// Thread-safe as far as its Random is.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace evergrant {

class Mint {
 public:
  // `marker` is put before all of them.
  Mint(Random& random, std::string marker) : random_{random}, marker_{std::move(marker)} {}

  [[nodiscard]] std::string access_token();               // as a direct-encryption JWE
  [[nodiscard]] std::string refresh_token(Time expires);  // RT1-<n>-H0-<epoch>…
  [[nodiscard]] std::string code();
  [[nodiscard]] std::string page_token();      // for forms and cookies
  [[nodiscard]] std::string transaction_id();  // intuit_tid; without the marker: it is shown and logged
  [[nodiscard]] int permille();                // uniform in 0 … 1000

 private:
  Random& random_;
  std::string marker_;
};

}  // namespace evergrant
