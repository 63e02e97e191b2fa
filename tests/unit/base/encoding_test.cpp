#include "base/encoding.hpp"

#include <gtest/gtest.h>

namespace evergrant {
namespace {

using namespace std::string_literals;

std::string all_bytes() {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  return bytes;
}

TEST(Base64, encodes_the_vectors_of_rfc_4648) {
  const std::vector<std::array<std::string, 3>> vectors{{"", "", ""},
                                                        {"f", "Zg==", "Zg"},
                                                        {"fo", "Zm8=", "Zm8"},
                                                        {"foo", "Zm9v", "Zm9v"},
                                                        {"foob", "Zm9vYg==", "Zm9vYg"},
                                                        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
                                                        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
                                                        {"\xfb\xff", "+/8=", "-_8"}};
  for (const auto& [plain, padded, for_urls] : vectors) {
    EXPECT_EQ(base64_encode(plain), padded);
    EXPECT_EQ(base64url_encode(plain), for_urls);
    EXPECT_EQ(base64_decode(padded), plain);
    EXPECT_EQ(base64url_decode(for_urls), plain);
  }
}

TEST(Base64, brings_every_byte_at_every_length_back) {
  const auto bytes = all_bytes();
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    const auto piece = bytes.substr(bytes.size() - length);
    EXPECT_EQ(base64_decode(base64_encode(piece)), piece) << length;
    EXPECT_EQ(base64url_decode(base64url_encode(piece)), piece) << length;
  }
}

TEST(Base64, what_has_a_second_spelling_is_refused) {
  for (const auto* text : {"Zg", "Zg=", "Zh==", "Zm9=", "Zg===", "====", "Zm9v\n", " Zm9v", "Zm-v", "Zg==Zg==", "Z"}) {
    EXPECT_FALSE(base64_decode(text)) << text;
  }
  for (const auto* text : {"Zg==", "Zh", "Zm9", "Zm+v", "Zm/v", "Z", "Zm9vY", "Zm 9v"}) {
    EXPECT_FALSE(base64url_decode(text)) << text;
  }
}

TEST(Base64, a_strange_character_is_refused_wherever_it_stands) {
  for (std::size_t length = 1; length <= 9; ++length) {
    const std::string good = base64url_encode(std::string(length, 'x'));
    for (std::size_t at = 0; at < good.size(); ++at) {
      for (const char strange : {'+', '/', '=', '.', ' ', '\0', '\x7f', '\x80', '\xff'}) {
        std::string text = good;
        text[at] = strange;
        EXPECT_FALSE(base64url_decode(text)) << text;
      }
    }
  }
}

TEST(Hex, is_lower_case_out_and_both_in) {
  EXPECT_EQ(hex_encode("\x00\x0f\xff"s), "000fff");
  EXPECT_EQ(hex_decode("000fFF"), "\x00\x0f\xff"s);
  EXPECT_EQ(hex_decode(hex_encode(all_bytes())), all_bytes());
  for (const auto* text : {"0", "0g", "g0", "0x", " 0"}) EXPECT_FALSE(hex_decode(text)) << text;
}

TEST(PercentEncoding, leaves_unreserved_characters_alone) {
  EXPECT_EQ(percent_encode("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(percent_encode(" /?#&=+%\"é"), "%20%2F%3F%23%26%3D%2B%25%22%C3%A9");
  EXPECT_EQ(percent_decode(percent_encode(all_bytes())), all_bytes());
  EXPECT_EQ(percent_decode("a+b"), "a+b") << "a plus is a plus in a path";
  for (const auto* text : {"%", "%4", "a%4g", "%g4", "%%41"}) EXPECT_FALSE(percent_decode(text)) << text;
}

TEST(FormEncoding, writes_the_example_of_rfc_6749_appendix_b) {
  EXPECT_EQ(form_encode(" %&+\u00A3\u20AC"), "+%25%26%2B%C2%A3%E2%82%AC");
  EXPECT_EQ(form_encode(Parameters{{"a b", "c&d"}, {"e", ""}}), "a+b=c%26d&e=");
}

TEST(FormEncoding, a_parser_hides_no_duplicate_and_no_order) {
  const auto parameters = form_decode("a=1&b=2&a=3&&c&=d&e=f=g&h=i+j%2B");
  ASSERT_TRUE(parameters);
  EXPECT_EQ(*parameters,
            (Parameters{{"a", "1"}, {"b", "2"}, {"a", "3"}, {"c", ""}, {"", "d"}, {"e", "f=g"}, {"h", "i j+"}}));
  EXPECT_EQ(count(*parameters, "a"), 2U);
  EXPECT_FALSE(single(*parameters, "a")) << "twice is not once";
  EXPECT_EQ(single(*parameters, "b"), "2");
  EXPECT_FALSE(single(*parameters, "z"));
  EXPECT_FALSE(form_decode("a=%4"));
  EXPECT_FALSE(form_decode("%zz=1"));
  EXPECT_TRUE(form_decode("")->empty());
}

TEST(HtmlEscape, nothing_opens_a_tag_or_leaves_an_attribute) {
  EXPECT_EQ(html_escape("<a href=\"x\" b='y'>&amp;"), "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;");
}

TEST(Text, compares_and_cuts) {
  EXPECT_TRUE(equal_ignoring_case("Content-TYPE", "content-type"));
  EXPECT_FALSE(equal_ignoring_case("a", "ab"));
  EXPECT_FALSE(equal_ignoring_case("\xC4", "\xE4")) << "ASCII only";
  EXPECT_EQ(to_lower_ascii("AbÄ"), "abÄ");
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \t"), "");
  EXPECT_EQ(split(" a  b ", ' '), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(split("", ',').empty());
  EXPECT_EQ(join({"a", "b", "c"}, ", "), "a, b, c");
  EXPECT_EQ(join({}, ","), "");
}

TEST(Utf8, is_checked_by_rfc_3629) {
  for (const auto* good : {"", "a", "é", "€", "𝄞", "\uD7FF", "\uE000", "\U0010FFFF"}) EXPECT_TRUE(is_utf8(good)) << good;
  for (const auto& bad : {"\x80"s, "\xC0\x80"s, "\xC1\xBF"s, "\xE0\x9F\xBF"s, "\xED\xA0\x80"s, "\xF0\x8F\xBF\xBF"s,
                          "\xF4\x90\x80\x80"s, "\xF5\x80\x80\x80"s, "\xFF"s, "\xE2\x82"s, "\xC3"s, "a\xC3("s}) {
    EXPECT_FALSE(is_utf8(bad)) << hex_encode(bad);
  }
}

TEST(Printable, nothing_that_moves_a_cursor_or_a_reader_stays) {
  EXPECT_EQ(printable("a\r\nb\x1B[31mc\x7F"), "ab[31mc");
  EXPECT_EQ(printable("a\u009Bb\u202Ec\u2066d"), "abcd") << "C1 and the bidirectional overrides";
  EXPECT_EQ(printable("a\xFF\xC3"), "a??");
  EXPECT_EQ(printable("grüße €"), "grüße €");
}

TEST(Printable, a_cut_is_seen_and_splits_no_character) {
  EXPECT_EQ(printable("abcdef", 3), "abc…");
  EXPECT_EQ(printable("abc", 3), "abc");
  EXPECT_EQ(printable("ab€", 4), "ab…");
  EXPECT_EQ(printable("abc\n\n\n", 3), "abc") << "what is dropped takes no room";
}

}  // namespace
}  // namespace evergrant
