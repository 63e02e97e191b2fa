#include <array>

#include "crypto/jwk_material.hpp"

namespace evergrant {
namespace {

// y of the points of order 1, 2, 4 and 8, little-endian, and of two of them once more in their forms beyond the prime.
constexpr std::array<std::string_view, 7> small_order_25519{
    std::string_view{"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                     "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
                     32},
    std::string_view{"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                     "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
                     32},
    std::string_view{"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0"
                     "\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
                     32},
    std::string_view{"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f"
                     "\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
                     32},
    std::string_view{"\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                     "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
                     32},
    std::string_view{"\xed\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                     "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
                     32},
    std::string_view{"\xee\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                     "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
                     32}};

// y = 0, 1 and -1 of Ed448 (its points of order 4, 1 and 2), and 0 and 1 once more in their forms beyond the prime.
bool has_small_order_448(std::string_view y) {
  constexpr std::size_t low_half = 28;  // p = 2^448 - 2^224 - 1
  const auto same = [&](unsigned char first, unsigned char rest, unsigned char middle) {
    for (std::size_t i = 0; i < 56; ++i) {
      const unsigned char wanted = i == 0 ? first : (i == low_half ? middle : rest);
      if (static_cast<unsigned char>(y[i]) != wanted) return false;
    }
    return true;
  };
  const bool beyond_zero = same(0xff, 0xff, 0xfe);  // p
  const bool minus_one = same(0xfe, 0xff, 0xfe);    // p - 1
  const bool zero = same(0x00, 0x00, 0x00);
  const bool one = same(0x01, 0x00, 0x00);
  const auto upper = y.substr(low_half, 28);
  const bool beyond_one = y.substr(0, low_half).find_first_not_of('\0') == std::string_view::npos &&
                          upper.find_first_not_of('\xff') == std::string_view::npos;  // p + 1
  return zero || one || minus_one || beyond_zero || beyond_one;
}

}  // namespace

bool has_small_order(std::string_view curve, std::string_view x) {
  std::string y{x};
  if (curve == "Ed448") return y.size() == 57 && has_small_order_448(y);
  if (y.size() != 32) return false;
  y.back() = static_cast<char>(y.back() & 0x7f);  // the sign of x
  for (const auto point : small_order_25519) {
    if (y == point) return true;
  }
  return false;
}

}  // namespace evergrant
