#include "crypto/aead.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <thread>

#include "base/encoding.hpp"
#include "unit/crypto/counting_random.hpp"

namespace evergrant::test {
namespace {

const KeyId key_id{"tk_one"};
constexpr std::string_view place = "place";
constexpr std::string_view plain = "an access token";

Secret key_of_bytes(unsigned char first) {
  Secret key = Secret::of_size(key_bytes);
  for (auto& byte : key.bytes()) byte = first++;
  return key;
}

Sealed sealed_token() {
  SystemRandom random;
  return seal(key_id, key_of_bytes(0), place, plain, random).value();
}

Error error_of(const Secret& key, std::string_view associated, const Sealed& sealed) {
  const auto opened = open(key, associated, sealed);
  return opened ? Error{} : opened.error();
}

TEST(Aead, a_record_has_the_format_that_the_header_describes) {
  CountingRandom random;
  const auto sealed = seal(key_id, key_of_bytes(0), place, plain, random);
  ASSERT_TRUE(sealed);
  // Made by another implementation of AES-GCM from the same key, nonce and associated data.
  EXPECT_EQ(hex_encode(sealed->bytes),
            "010106746b5f6f6e65404142434445464748494a4b83d78e42455fe270bee46359f0017d66c4dcce802f5261b1d3ea17028846d6");
}

TEST(Aead, what_was_sealed_opens_with_either_kind_of_key) {
  const Secret key = key_of_bytes(0);
  const LockedKey locked{key};
  const Sealed sealed = sealed_token();
  EXPECT_EQ(open(key, place, sealed).value().reveal(), plain);
  EXPECT_EQ(open(locked, place, sealed).value().reveal(), plain);
}

TEST(Aead, an_empty_value_and_empty_associated_data_are_sealed_too) {
  SystemRandom random;
  const auto sealed = seal(key_id, key_of_bytes(0), "", "", random);
  ASSERT_TRUE(sealed);
  EXPECT_EQ(open(key_of_bytes(0), "", *sealed).value().size(), 0U);
  EXPECT_EQ(error_of(key_of_bytes(0), "x", *sealed).code, Errc::sealed_broken);
}

TEST(Aead, no_flipped_bit_goes_unnoticed) {
  const Secret key = key_of_bytes(0);
  const Sealed good = sealed_token();
  for (std::size_t bit = 0; bit < good.bytes.size() * 8; ++bit) {
    Sealed altered = good;
    altered.bytes[bit / 8] = static_cast<char>(altered.bytes[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_EQ(error_of(key, place, altered).code, Errc::sealed_broken) << "bit " << bit;
  }
}

TEST(Aead, no_cut_or_lengthened_record_opens) {
  const Secret key = key_of_bytes(0);
  const Sealed good = sealed_token();
  for (std::size_t length = 0; length < good.bytes.size(); ++length) {
    ASSERT_EQ(error_of(key, place, Sealed{good.bytes.substr(0, length)}).code, Errc::sealed_broken) << length;
    ASSERT_EQ(error_of(key, place, Sealed{good.bytes.substr(good.bytes.size() - length)}).code, Errc::sealed_broken)
        << length;
  }
  EXPECT_EQ(error_of(key, place, Sealed{good.bytes + '\0'}).code, Errc::sealed_broken);
}

TEST(Aead, every_change_of_the_associated_data_is_noticed) {
  const Secret key = key_of_bytes(0);
  const Sealed sealed = sealed_token();
  for (std::size_t bit = 0; bit < place.size() * 8; ++bit) {
    std::string other{place};
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_EQ(error_of(key, other, sealed).code, Errc::sealed_broken) << "bit " << bit;
  }
  for (std::size_t length = 0; length < place.size(); ++length) {
    ASSERT_EQ(error_of(key, place.substr(0, length), sealed).code, Errc::sealed_broken) << length;
  }
}

TEST(Aead, all_reasons_not_to_open_look_the_same) {
  const Sealed good = sealed_token();
  Sealed altered = good;
  altered.bytes.back() = static_cast<char>(altered.bytes.back() ^ 1);
  Sealed other_format = good;
  other_format.bytes.front() = 2;
  const Error wrong_key = error_of(key_of_bytes(1), place, good);
  EXPECT_EQ(wrong_key.code, Errc::sealed_broken);
  EXPECT_EQ(error_of(key_of_bytes(0), "elsewhere", good), wrong_key);
  EXPECT_EQ(error_of(key_of_bytes(0), place, altered), wrong_key);
  EXPECT_EQ(error_of(key_of_bytes(0), place, other_format), wrong_key);
  EXPECT_EQ(error_of(key_of_bytes(0), place, Sealed{}), wrong_key);
  EXPECT_EQ(error_of(Secret{"short"}, place, good), wrong_key);
}

TEST(Aead, sealing_refuses_keys_and_ids_of_other_sizes) {
  SystemRandom random;
  EXPECT_EQ(seal(key_id, Secret{"short"}, place, plain, random).error().code, Errc::invalid_argument);
  EXPECT_EQ(seal(key_id, Secret{std::string(33, 'k')}, place, plain, random).error().code, Errc::invalid_argument);
  EXPECT_EQ(seal(KeyId{}, key_of_bytes(0), place, plain, random).error().code, Errc::invalid_argument);
  EXPECT_EQ(seal(KeyId{std::string(256, 'i')}, key_of_bytes(0), place, plain, random).error().code, Errc::invalid_argument);
  const KeyId longest{std::string(255, 'i')};
  EXPECT_EQ(key_of(seal(longest, key_of_bytes(0), place, plain, random).value()), longest);
}

TEST(Aead, a_record_names_its_key_and_its_size) {
  EXPECT_EQ(key_of(sealed_token()), key_id);
  EXPECT_EQ(plain_size(sealed_token()), plain.size());
  EXPECT_EQ(key_of(Sealed{"not a record"}), std::nullopt);
  EXPECT_EQ(plain_size(Sealed{"not a record"}), 0U);
  EXPECT_EQ(key_of(Sealed{}), std::nullopt);
}

TEST(Aead, each_sealing_has_its_own_nonce) {
  SystemRandom random;
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) seen.insert(seal(key_id, key_of_bytes(0), place, plain, random).value().bytes);
  EXPECT_EQ(seen.size(), 100U);
}

TEST(Aead, a_failed_opening_into_a_buffer_leaves_only_zeros) {
  const Sealed good = sealed_token();
  std::array<char, 32> buffer{};
  const auto size = open_into(key_of_bytes(0), place, good, buffer);
  ASSERT_TRUE(size);
  EXPECT_EQ(std::string_view(buffer.data(), *size), plain);

  Sealed altered = good;
  altered.bytes.back() = static_cast<char>(altered.bytes.back() ^ 1);
  EXPECT_EQ(open_into(key_of_bytes(0), place, altered, buffer).error().code, Errc::sealed_broken);
  EXPECT_TRUE(std::ranges::all_of(buffer, [](char c) { return c == 0; }));
  EXPECT_EQ(open_into(key_of_bytes(0), place, good, std::span{buffer}.first(plain.size() - 1)).error().code,
            Errc::invalid_argument);
}

TEST(Aead, a_failure_does_not_spoil_the_threads_next_use) {
  const Sealed good = sealed_token();
  EXPECT_FALSE(open(key_of_bytes(9), place, good));
  EXPECT_TRUE(open(key_of_bytes(0), place, good));
  EXPECT_EQ(seal(KeyId{}, key_of_bytes(0), place, plain, *std::make_unique<SystemRandom>()).error().code,
            Errc::invalid_argument);
  EXPECT_TRUE(open(key_of_bytes(0), place, good));
}

TEST(Aead, threads_seal_and_open_beside_each_other) {
  std::array<int, 4> opened{};
  {
    std::vector<std::jthread> threads;
    for (auto& count : opened) {
      threads.emplace_back([&count] {
        SystemRandom random;
        const Secret key = key_of_bytes(static_cast<unsigned char>(7));
        for (int i = 0; i < 200; ++i) {
          const auto sealed = seal(key_id, key, place, std::to_string(i), random);
          if (sealed && open(key, place, *sealed).value().reveal() == std::to_string(i)) ++count;
        }
      });
    }
  }
  for (const int count : opened) EXPECT_EQ(count, 200);
}

TEST(Aead, no_two_lists_of_fields_bind_to_the_same_data) {
  const std::array bound{bind_fields({}),
                         bind_fields({""}),
                         bind_fields({"", ""}),
                         bind_fields({"ab"}),
                         bind_fields({"a", "b"}),
                         bind_fields({"b", "a"}),
                         bind_fields({"ab", ""}),
                         bind_fields({"", "ab"}),
                         bind_fields({std::string_view{"a\0b", 3}}),
                         bind_fields({"a", std::string_view{"\0b", 2}})};
  EXPECT_EQ(std::set<std::string>(bound.begin(), bound.end()).size(), bound.size());
  EXPECT_EQ(hex_encode(bind_fields({"ab", ""})), "000000000000000261620000000000000000");
}

}  // namespace
}  // namespace evergrant::test
