// The JOSE cookbook (RFC 7520) and its Ed25519 example (RFC 8037), each token against the key that comes with it.
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <map>

#include "crypto/jose.hpp"
#include "unit/crypto/vector_files.hpp"

namespace evergrant::test {
namespace {

namespace json = boost::json;

// Not compact, or without what it signs: refused, with the reason that the caller is given.
struct Refused {
  const char* file;
  const char* form;  // of the example's output
  const char* why;
};
constexpr std::array refused{
    Refused{"jws/4_1.rsa_v15_signature.json", "json", "a JSON serialisation: only the compact one is read"},
    Refused{"jws/4_1.rsa_v15_signature.json", "json_flat", "as above"},
    Refused{"jws/4_5.signature_with_detached_content.json", "compact",
            "its payload is detached: the empty one is not signed"},
    Refused{"jws/4_5.signature_with_detached_content.json", "json", "a JSON serialisation"},
    Refused{"jws/4_6.protecting_specific_header_fields.json", "json", "a JSON serialisation; its kid is not signed"},
    Refused{"jws/4_6.protecting_specific_header_fields.json", "json_flat", "as above"},
    Refused{"jws/4_7.protecting_content_only.json", "json", "a JSON serialisation; its alg is not signed"},
    Refused{"jws/4_7.protecting_content_only.json", "json_flat", "as above"},
    Refused{"jws/4_8.multiple_signatures.json", "json", "a JSON serialisation; several signatures"},
};

constexpr std::array verified{"jws/4_1.rsa_v15_signature.json", "jws/4_2.rsa-pss_signature.json",
                              "jws/4_3.ecdsa_signature.json", "jws/4_4.hmac-sha2_integrity_protection.json",
                              "curve25519/jws.json"};

std::optional<json::value> example(const std::string& file) { return outside_vectors("jose-cookbook/" + file); }

// As a provider would publish it: the private members left out.
std::string public_half(const json::value& key) {
  json::object half = key.as_object();
  for (const auto* name : {"d", "p", "q", "dp", "dq", "qi"}) half.erase(name);
  return json::serialize(json::object{{"keys", json::array{half}}});
}

Result<VerifiedJws> verify(const std::string& token, const json::value& input) {
  const json::value& key = input.at("key").is_array() ? input.at("key").at(0) : input.at("key");
  const json::value& alg = input.at("alg").is_array() ? input.at("alg").at(0) : input.at("alg");
  const std::string allowed{std::string_view{alg.as_string()}};
  if (key.at("kty").as_string() == "oct") {
    return verify_jws_hmac(token, Secret{base64url_decode(text_at(key, "k")).value()}, {allowed});
  }
  return verify_jws(token, parse_jwk_set(public_half(key)).value(), {allowed});
}

TEST(CookbookVectors, compact_tokens_verify_and_their_payload_comes_back) {
  for (const std::string file : verified) {
    const auto found = example(file);
    if (!found) GTEST_SKIP() << "skipped: vectors not found";
    const auto jws = verify(text_at(found->at("output"), "compact"), found->at("input"));
    ASSERT_TRUE(jws) << file << ": " << jws.error().message;
    EXPECT_EQ(jws->payload, text_at(found->at("input"), "payload")) << file;
  }
}

TEST(CookbookVectors, other_forms_are_refused) {
  for (const auto& [file, form, why] : refused) {
    const auto found = example(file);
    if (!found) GTEST_SKIP() << "skipped: vectors not found";
    const json::value& output = found->at("output").at(form);
    const auto jws =
        verify(output.is_string() ? text_at(found->at("output"), form) : json::serialize(output), found->at("input"));
    ASSERT_FALSE(jws) << file << ' ' << form << ": " << why;
    EXPECT_EQ(jws.error().code, output.is_string() ? Errc::sealed_broken : Errc::invalid_argument) << jws.error().message;
  }
}

// The public keys are taken; a private or a shared one in a public set is not.
TEST(CookbookVectors, keys_are_taken_or_left_as_a_public_set_allows) {
  const std::map<std::string, bool> taken{{"3_1.ec_public_key", true},
                                          {"3_2.ec_private_key", false},
                                          {"3_3.rsa_public_key", true},
                                          {"3_4.rsa_private_key", false},
                                          {"3_5.symmetric_key_mac_computation", false},
                                          {"3_6.symmetric_key_encryption", false}};
  for (const auto& [name, expected] : taken) {
    const auto found = example("jwk/" + name + ".json");
    if (!found) GTEST_SKIP() << "skipped: vectors not found";
    const auto set = parse_jwk_set(json::serialize(json::object{{"keys", json::array{*found}}}));
    ASSERT_TRUE(set) << name;
    EXPECT_EQ(set->keys.size() == 1, expected) << name << ": " << join(set->skipped, "; ");
  }
}

}  // namespace
}  // namespace evergrant::test
