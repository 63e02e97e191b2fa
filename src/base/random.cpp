#include "base/random.hpp"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "base/encoding.hpp"

namespace evergrant {

Secret Random::token() {
  std::array<unsigned char, 32> raw{};
  fill(raw);
  Secret token = Secret::take(base64url_encode({reinterpret_cast<const char*>(raw.data()), raw.size()}));
  explicit_bzero(raw.data(), raw.size());
  return token;
}

std::string Random::id(std::string_view prefix) {
  constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  std::array<unsigned char, 26> raw{};
  fill(raw);
  std::string out{prefix};
  for (const unsigned char byte : raw) out += alphabet[byte & 31U];  // 26 × 5 = 130 bits
  return out;
}

std::string Random::bytes(std::size_t size) {
  std::string out(size, '\0');
  fill({reinterpret_cast<unsigned char*>(out.data()), out.size()});
  return out;
}

std::uint64_t Random::below(std::uint64_t bound) {
  // Rejection keeps the distribution uniform for every bound.
  const std::uint64_t limit = std::numeric_limits<std::uint64_t>::max() - std::numeric_limits<std::uint64_t>::max() % bound;
  while (true) {
    std::array<unsigned char, 8> raw{};
    fill(raw);
    std::uint64_t value = 0;
    std::memcpy(&value, raw.data(), sizeof value);
    if (value < limit) return value % bound;
  }
}

void SystemRandom::fill(std::span<unsigned char> out) {
  while (!out.empty()) {
    const auto got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw std::runtime_error("getrandom failed: the kernel gives no randomness");
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace evergrant
