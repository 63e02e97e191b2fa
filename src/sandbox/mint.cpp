#include "sandbox/mint.hpp"

#include "base/encoding.hpp"

namespace evergrant {

std::string Mint::access_token() {
  // Header, empty key, initialisation vector, ciphertext, tag: the last three are random.
  std::string token = marker_ + base64url_encode(R"({"enc":"A128CBC-HS256","alg":"dir"})") + "..";
  token += base64url_encode(random_.bytes(16)) + '.';
  token += base64url_encode(random_.bytes(512)) + '.';
  return token + base64url_encode(random_.bytes(16));
}

std::string Mint::refresh_token(Time expires) {
  const auto epoch = std::chrono::duration_cast<std::chrono::seconds>(expires.time_since_epoch()).count();
  return marker_ + "RT1-" + std::to_string(random_.below(256)) + "-H0-" + std::to_string(epoch) + random_.id("");
}

std::string Mint::code() { return marker_ + random_.id("XAB") + random_.id(""); }

std::string Mint::page_token() { return base64url_encode(random_.bytes(32)); }

std::string Mint::transaction_id() {
  const std::string hex = hex_encode(random_.bytes(16));
  return "1-" + hex.substr(0, 8) + "-" + hex.substr(8);
}

int Mint::permille() { return static_cast<int>(random_.below(1001)); }

}  // namespace evergrant
