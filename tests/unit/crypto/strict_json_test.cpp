#include "crypto/strict_json.hpp"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>
#include <string>

namespace evergrant::test {
namespace {

Errc refusal_of(std::string_view text) {
  const auto value = parse_strict_json(text);
  return value ? Errc::internal : value.error().code;
}

TEST(StrictJson, a_sound_document_is_read_as_it_stands) {
  const auto value =
      parse_strict_json(R"( {"a":[1,-2,3.5,true,null,"é\u00e9\ud83d\ude00"],"b":{"a":18446744073709551615}} )");
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(boost::json::serialize(*value),
            "{\"a\":[1,-2,3.5E0,true,null,\"\u00e9\u00e9\U0001F600\"],\"b\":{\"a\":18446744073709551615}}");
}

TEST(StrictJson, the_same_name_is_allowed_in_different_objects_only) {
  EXPECT_TRUE(parse_strict_json(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})"));
  for (const auto* text : {R"({"a":1,"a":1})", R"({"a":1,"b":2,"\u0061":3})", R"({"x":{"a":1,"a":2}})", R"([[{"":1,"":2}]])",
                           R"({"a":{"b":1},"a":{"b":1}})"}) {
    const auto value = parse_strict_json(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error(), (Error{Errc::invalid_argument, "a name occurs twice in one JSON object", ""})) << text;
  }
}

TEST(StrictJson, a_name_is_found_twice_in_a_large_object_too) {
  std::string members;
  for (int i = 0; i < 200; ++i) members += "\"" + std::to_string(i) + "\":[{\"a\":{}}],";
  EXPECT_TRUE(parse_strict_json("{" + members + "\"200\":1}"));
  EXPECT_EQ(refusal_of("{" + members + "\"7\":1}"), Errc::invalid_argument);
}

TEST(StrictJson, a_long_name_that_the_parser_sees_in_pieces_is_still_compared_whole) {
  const std::string name(5000, 'n');
  EXPECT_EQ(refusal_of("{\"" + name + "\":1,\"" + name + "\":2}"), Errc::invalid_argument);
  EXPECT_TRUE(parse_strict_json("{\"" + name + "a\":1,\"" + name + "b\":2}"));
  EXPECT_TRUE(parse_strict_json(R"({"\u0061x":1,"\u0061y":2})"));
}

TEST(StrictJson, what_is_not_one_document_is_refused) {
  for (const std::string& text :
       {"",   " ",  "{",   "{}{}",     "{} x",    "[1,]",     "{\"a\":1,}", "{'a':1}",        "{a:1}", "01",
        "+1", "1.", "NaN", "Infinity", "/*c*/{}", "\"\x01\"", "\"\\x41\"",  "\xef\xbb\xbf{}", "nul",   "\"open"}) {
    EXPECT_EQ(refusal_of(text), Errc::invalid_argument) << text;
  }
}

TEST(StrictJson, what_is_not_utf8_is_refused) {
  for (const std::string& text : {"\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "{\"\xc3\":1}",
                                  "\"\\ud800\"", "\"\\udc00\""}) {
    EXPECT_EQ(refusal_of(text), Errc::invalid_argument) << text;
  }
}

TEST(StrictJson, depth_and_size_have_limits) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parse_strict_json(nested(32)));
  EXPECT_EQ(refusal_of(nested(33)), Errc::too_large);
  EXPECT_EQ(refusal_of(std::string(100'000, '[')), Errc::too_large);
  EXPECT_TRUE(parse_strict_json("[1]", 1, 3));
  EXPECT_EQ(parse_strict_json("[1]", 1, 2).error().code, Errc::too_large);
  EXPECT_EQ(parse_strict_json("[[1]]", 1).error().code, Errc::too_large);
}

TEST(StrictJson, an_object_is_asked_for_by_name) {
  EXPECT_EQ(parse_strict_object("[]").error().code, Errc::invalid_argument);
  EXPECT_EQ(parse_strict_object("{").error().code, Errc::invalid_argument);
  const auto object = parse_strict_object(R"({"text":"t","number":1})");
  ASSERT_TRUE(object);
  EXPECT_EQ(string_member(*object, "text"), "t");
  EXPECT_EQ(string_member(*object, "number"), std::nullopt);
  EXPECT_EQ(string_member(*object, "absent"), std::nullopt);
}

TEST(StrictJson, an_error_does_not_quote_the_text) {
  const auto value = parse_strict_json(R"({"canary":"canary)");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().message.find("canary"), std::string::npos);
}

TEST(SerializeSecret, writes_what_the_library_writes_at_every_length) {
  for (std::size_t length = 0; length < 20'000; length = length * 2 + 1) {
    const boost::json::value value(boost::json::object{{"token", std::string(length, 't')}, {"number", 7}});
    EXPECT_EQ(serialize_secret(value).reveal(), boost::json::serialize(value)) << length;
  }
}

}  // namespace
}  // namespace evergrant::test
