// Project Wycheproof's AES-GCM vectors against the form in which we seal. A sealed record binds its own header in front of
// the associated data, so a vector's tag cannot be compared as it stands. It is carried over: with H = AES(key, 0) a tag is
// GHASH(H, associated, ciphertext) xor a mask that depends on key and nonce alone (SP 800-38D 7.1).
#include <openssl/evp.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>

#include "crypto/aead.hpp"
#include "unit/crypto/vector_files.hpp"

namespace evergrant::test {
namespace {

namespace json = boost::json;

using Block = std::array<unsigned char, 16>;

const KeyId vector_key_id{"tk_one"};
const std::string header = std::string{"\x01\x01\x06", 3} + "tk_one";

void mix(Block& into, std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) into[i] ^= static_cast<unsigned char>(bytes[i]);
}

Block block_of(std::string_view bytes) {
  Block block{};
  mix(block, bytes);
  return block;
}

std::string text_of(const Block& block) { return {block.begin(), block.end()}; }

// SP 800-38D 6.3: the product in GF(2^128), with the first bit the lowest power.
Block product(const Block& a, const Block& b) {
  Block sum{};
  Block power = b;
  for (std::size_t bit = 0; bit < 128; ++bit) {
    if ((a[bit / 8] >> (7 - bit % 8) & 1) != 0) mix(sum, text_of(power));
    const bool carry = (power[15] & 1) != 0;
    for (std::size_t i = 15; i > 0; --i) {
      power[i] = static_cast<unsigned char>((power[i] >> 1) | ((power[i - 1] & 1) << 7));
    }
    power[0] = static_cast<unsigned char>(power[0] >> 1);
    if (carry) power[0] ^= 0xE1;
  }
  return sum;
}

std::string bits_of(std::size_t bytes) {
  std::string text(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) text[i] = static_cast<char>((bytes * 8) >> (56 - 8 * i) & 0xFF);
  return text;
}

Block ghash(const Block& h, std::string_view associated, std::string_view ciphertext) {
  Block hash{};
  for (const std::string_view part : {associated, ciphertext}) {
    for (std::size_t at = 0; at < part.size(); at += 16) {
      mix(hash, part.substr(at, 16));
      hash = product(hash, h);
    }
  }
  mix(hash, bits_of(associated.size()) + bits_of(ciphertext.size()));
  return product(hash, h);
}

Block hash_key(const std::string& key) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context{EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free};
  const Block zeros{};
  Block out{};
  int size = 0;
  EXPECT_EQ(EVP_EncryptInit_ex(context.get(), EVP_aes_256_ecb(), nullptr, reinterpret_cast<const unsigned char*>(key.data()),
                               nullptr),
            1);
  EXPECT_EQ(EVP_EncryptUpdate(context.get(), out.data(), &size, zeros.data(), 16), 1);
  return out;
}

struct Case {
  std::string key, nonce, associated, plain, ciphertext, tag;
};

Case case_of(const json::value& test) {
  return {.key = bytes_at(test, "key"),
          .nonce = bytes_at(test, "iv"),
          .associated = bytes_at(test, "aad"),
          .plain = bytes_at(test, "msg"),
          .ciphertext = bytes_at(test, "ct"),
          .tag = bytes_at(test, "tag")};
}

// The vector as one of our records.
Sealed record_of(const Case& c) {
  const Block h = hash_key(c.key);
  Block tag = block_of(c.tag);
  mix(tag, text_of(ghash(h, c.associated, c.ciphertext)));
  mix(tag, text_of(ghash(h, header + c.associated, c.ciphertext)));
  return Sealed{header + c.nonce + c.ciphertext + text_of(tag)};
}

class GivenNonce final : public Random {
 public:
  explicit GivenNonce(std::string nonce) : nonce_{std::move(nonce)} {}
  void fill(std::span<unsigned char> out) override { std::ranges::copy(nonce_, out.begin()); }

 private:
  std::string nonce_;
};

void expect_as_labelled(const json::value& test) {
  const Case c = case_of(test);
  const Sealed record = record_of(c);
  const auto opened = open(Secret{c.key}, c.associated, record);
  ASSERT_EQ(opened.has_value(), is_labelled_valid(test)) << id_of(test);
  if (!opened) {
    EXPECT_EQ(opened.error().code, Errc::sealed_broken) << id_of(test);
    return;
  }
  EXPECT_EQ(opened->reveal(), c.plain) << id_of(test);
  GivenNonce nonce{c.nonce};
  const auto sealed = seal(vector_key_id, Secret{c.key}, c.associated, c.plain, nonce);
  ASSERT_TRUE(sealed) << id_of(test);
  EXPECT_EQ(hex_encode(sealed->bytes), hex_encode(record.bytes)) << id_of(test);
}

// What the vectors hold and a sealed record cannot: keys of another size are refused, and a record has room for a nonce of
// 96 bits alone, so that no other can come up.
TEST(AeadVectors, aes_256_gcm_with_a_nonce_of_96_bits) {
  const auto vectors = outside_vectors("wycheproof/aes_gcm_test.json");
  if (!vectors) GTEST_SKIP() << "skipped: vectors not found";
  int seen = 0;
  int other_keys = 0;
  int other_nonces = 0;
  for (const auto& group : vectors->at("testGroups").as_array()) {
    for (const auto& test : group.at("tests").as_array()) {
      if (group.at("keySize").as_int64() != 256) {
        SystemRandom random;
        EXPECT_EQ(seal(vector_key_id, Secret{bytes_at(test, "key")}, "", "x", random).error().code, Errc::invalid_argument);
        ++other_keys;
      } else if (group.at("ivSize").as_int64() != 96) {
        ++other_nonces;
      } else {
        expect_as_labelled(test);
        ++seen;
      }
    }
  }
  EXPECT_EQ(seen, 66);
  EXPECT_EQ(seen + other_keys + other_nonces, 316);
}

}  // namespace
}  // namespace evergrant::test
