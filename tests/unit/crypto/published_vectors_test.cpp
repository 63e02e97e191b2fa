// Project Wycheproof's vectors (vectors/wycheproof, with their licence), unchanged.
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <set>
#include <stdexcept>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "crypto/jose.hpp"
#include "crypto/jwk_material.hpp"
#include "unit/crypto/vector_files.hpp"

namespace evergrant::test {
namespace {

namespace json = boost::json;

// Where we mean to answer otherwise than the vectors' label, and why. Nothing else differs: no valid signature of the file
// is refused by our own limits, since its RSA keys have 2048 bits or more and its shared secrets at least their hash's
// length.
const std::map<std::int64_t, const char*> answered_otherwise{
    {346, "labelled valid; the key is for PS256, the token says PS384: a key serves the algorithm that it names"},
    {350, "as 346"},
    {347, "labelled valid; the key is for ES521, which is no algorithm"},
    {351, "as 347"},
    {367, "labelled invalid; the padding was lost in the file, and what is left is the valid token 357"},
    {370, "as 367"},
    {372, "labelled valid; there is a '?' in the header's base64url"},
    {373, "labelled valid; there is a '?' in the payload's base64url"},
};

json::array groups_of(const std::string& name) { return project_vectors("wycheproof/" + name).at("testGroups").as_array(); }

// Verifies as a caller would who expects the algorithm that the key is for.
bool verifies(const json::object& group, const std::string& compact) {
  const bool shared = !group.contains("public");
  const json::object& key = group.at(shared ? "private" : "public").as_object();
  const auto header = parse_jws_header(compact);
  const std::string alg = key.contains("alg") ? std::string{std::string_view{key.at("alg").as_string()}}
                          : header            ? header->alg
                                              : "";
  if (!shared) {
    const auto set = parse_jwk_set(json::serialize(json::object{{"keys", json::array{key}}}));
    return set && verify_jws(compact, *set, {alg});
  }
  const auto secret = base64url_decode(std::string_view{key.at("k").as_string()});
  return verify_jws_hmac(compact, Secret{secret.value()}, {alg}).has_value();
}

TEST(PublishedVectors, json_web_signatures) {
  const auto groups = groups_of("json_web_signature_test.json");
  int seen = 0;
  for (const auto& group : groups) {
    for (const auto& test : group.at("tests").as_array()) {
      const bool expected = is_labelled_valid(test) != answered_otherwise.contains(id_of(test));
      EXPECT_EQ(verifies(group.as_object(), text_at(test, "jws")), expected)
          << id_of(test) << ' ' << text_at(test, "comment");
      ++seen;
    }
  }
  EXPECT_EQ(seen, 401);
}

TEST(PublishedVectors, what_is_answered_otherwise_is_what_others_dispute) {
  const auto disputed = outside_vectors("wycheproof/json_web_signature_disputed.json");
  if (!disputed) GTEST_SKIP() << "skipped: vectors not found";
  std::set<std::string> ours;
  for (const auto& [id, why] : answered_otherwise) ours.insert(std::to_string(id));
  std::set<std::string> theirs;
  for (const auto& entry : disputed->at("skip_or_invert").as_object()) theirs.insert(entry.key());
  EXPECT_EQ(ours, theirs);
}

TEST(PublishedVectors, keyed_digests) {
  const auto groups = groups_of("hmac_sha256_test.json");
  for (const auto& group : groups) {
    for (const auto& test : group.at("tests").as_array()) {
      const std::string tag = bytes_at(test, "tag");
      const std::string ours = hmac_sha256(Secret{bytes_at(test, "key")}, bytes_at(test, "msg"));
      EXPECT_EQ(ours.substr(0, tag.size()) == tag, is_labelled_valid(test)) << id_of(test);
    }
  }
}

// The other valid ones have a salt, which our derivation has none of.
TEST(PublishedVectors, derived_keys_without_salt) {
  const auto groups = groups_of("hkdf_sha256_test.json");
  int seen = 0;
  for (const auto& group : groups) {
    for (const auto& test : group.at("tests").as_array()) {
      if (!text_at(test, "salt").empty() || !is_labelled_valid(test)) continue;
      const auto size = static_cast<std::size_t>(test.at("size").as_int64());
      const Secret key = hkdf_sha256(Secret{bytes_at(test, "ikm")}, bytes_at(test, "info"), size);
      EXPECT_EQ(key.reveal(), bytes_at(test, "okm")) << id_of(test);
      ++seen;
    }
  }
  EXPECT_EQ(seen, 23);
}

TEST(PublishedVectors, no_more_is_derived_than_there_is) {
  const auto groups = groups_of("hkdf_sha256_test.json");
  int seen = 0;
  for (const auto& group : groups) {
    for (const auto& test : group.at("tests").as_array()) {
      if (is_labelled_valid(test)) continue;
      const auto size = static_cast<std::size_t>(test.at("size").as_int64());
      EXPECT_THROW((void)hkdf_sha256(Secret{bytes_at(test, "ikm")}, bytes_at(test, "info"), size), std::invalid_argument);
      ++seen;
    }
  }
  EXPECT_EQ(seen, 3);
}

TEST(PublishedVectors, edwards_signatures) {
  const auto groups = groups_of("ed25519_test.json");
  const JoseAlgorithm& algorithm = *find_jose_algorithm("EdDSA");
  for (const auto& group : groups) {
    const auto set = parse_jwk_set(json::serialize(json::object{{"keys", json::array{group.at("publicKeyJwk")}}}));
    ASSERT_TRUE(set && set->keys.size() == 1) << json::serialize(group.at("publicKeyJwk"));
    for (const auto& test : group.at("tests").as_array()) {
      const Verification& verification = *set->keys.front().material().find(algorithm);
      EXPECT_EQ(signature_is_good(verification, bytes_at(test, "msg"), bytes_at(test, "sig")), is_labelled_valid(test))
          << id_of(test);
    }
  }
}

}  // namespace
}  // namespace evergrant::test
