#include "oauth/shared_secret.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace evergrant {
namespace {

constexpr std::size_t fewest_different = 8;  // 32 letters of chance have 20 or so; a word that is repeated has its own few

// Long enough, and known to everybody: they stand ready in a much used debugger of such tokens.
constexpr std::array<std::string_view, 3> published{
    "a-string-secret-at-least-256-bits-long", "a-valid-string-secret-that-is-at-least-384-bits-long",
    "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long"};

std::size_t least_bytes(std::string_view algorithm) {
  if (algorithm == "HS256") return 32;
  if (algorithm == "HS384") return 48;
  return algorithm == "HS512" ? 64 : 0;
}

}  // namespace

std::string weakness_of(const Secret& client_secret, std::string_view algorithm) {
  const std::size_t least = least_bytes(algorithm);
  if (least == 0) return {};
  const std::string_view text = client_secret.reveal();
  const std::string key = "the key of " + std::string{algorithm};
  if (text.size() < least) {
    return "it is " + key + " and has " + std::to_string(text.size()) + " bytes, which is short of " + std::to_string(least);
  }
  if (std::set<char>(text.begin(), text.end()).size() < fewest_different) {
    return "it is " + key + " and made of so few different characters that it can be guessed";
  }
  if (std::ranges::find(published, text) != published.end()) return "it is " + key + " and a published example";
  return {};
}

}  // namespace evergrant
