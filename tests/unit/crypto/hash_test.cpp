#include "crypto/hash.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "base/encoding.hpp"

namespace evergrant::test {
namespace {

TEST(Hash, the_digests_of_fips_180_examples) {
  EXPECT_EQ(hex_encode(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex_encode(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex_encode(sha384("abc")),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
  EXPECT_EQ(hex_encode(sha512("abc")),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

TEST(Hash, the_keyed_digests_of_rfc_4231) {
  const Secret jefe{"Jefe"};
  constexpr std::string_view data = "what do ya want for nothing?";
  EXPECT_EQ(hex_encode(hmac_sha256(jefe, data)), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex_encode(hmac(HashKind::sha384, jefe, data)),
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649");
  EXPECT_EQ(hex_encode(hmac(HashKind::sha512, jefe, data)),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
            "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
  const Secret long_key{std::string(131, '\xaa')};
  EXPECT_EQ(hex_encode(hmac_sha256(long_key, "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hash, the_digest_of_the_reading_path_is_the_same_for_every_length) {
  std::string text;
  for (int size = 0; size < 200; ++size, text.push_back(static_cast<char>(size))) {
    const Digest quick = sha256_digest(text);
    EXPECT_EQ((std::string{quick.data(), quick.size()}), sha256(text)) << size;
  }
}

TEST(Hash, an_empty_key_is_a_key) {
  EXPECT_EQ(hex_encode(hmac_sha256(Secret{}, "")), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Hash, the_derivation_without_salt_of_rfc_5869) {
  const Secret key{std::string(22, '\x0b')};  // appendix A.3
  EXPECT_EQ(hex_encode(hkdf_sha256(key, "", 42).reveal()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(Hash, derived_keys_differ_by_their_purpose) {
  const Secret key{"one key"};
  EXPECT_NE(hkdf_sha256(key, "a", 32), hkdf_sha256(key, "b", 32));
  EXPECT_EQ(hkdf_sha256(key, "a", 32), hkdf_sha256(key, "a", 32));
}

TEST(Hash, a_derivation_of_an_impossible_size_is_a_bug) {
  EXPECT_THROW((void)hkdf_sha256(Secret{"key"}, "", 0), std::invalid_argument);
  EXPECT_THROW((void)hkdf_sha256(Secret{"key"}, "", 8161), std::invalid_argument);
  EXPECT_EQ(hkdf_sha256(Secret{"key"}, "", 8160).size(), 8160U);
}

}  // namespace
}  // namespace evergrant::test
