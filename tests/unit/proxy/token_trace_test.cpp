#include "proxy/token_trace.hpp"

#include <gtest/gtest.h>

#include <string>

namespace evergrant {
namespace {

TEST(TokenTraceTest, a_text_that_holds_the_token_or_a_long_piece_of_it_repeats_it) {
  const Secret token{"ya29.abcdefghijklmnopqrstuvwxyz0123456789"};
  for (const std::string& text :
       {"ya29.abcdefghijklmnopqrstuvwxyz0123456789", "x=ya29.abcdefghijklmnopqrstuvwxyz0123456789!",
        "no scope for ya29.abcdefghijklmnopqr", "klmnopqrstuvwxyz0123456789 was refused"}) {
    EXPECT_TRUE(repeats_token(text, token)) << text;
  }
  // Wherever a piece of 23 characters begins.
  for (std::size_t shift = 0; shift < 24; ++shift) {
    EXPECT_TRUE(repeats_token(std::string(shift, '-') + "bcdefghijklmnopqrstuvwx" + std::string(24 - shift, '-'), token))
        << shift;
  }
  for (const std::string& text : {"", "ya29.", "files.write files.read admin", "abcdefghijk", "0123456789"}) {
    EXPECT_FALSE(repeats_token(text, token)) << text;
  }
  EXPECT_TRUE(holds_token("a secret-1 b", Secret{"secret-1"}));
  EXPECT_FALSE(holds_token("read write", Secret{"read"})) << "so short a token would be found everywhere";
  EXPECT_FALSE(repeats_token("ya29.abcdefghijklmnopqrstuvwxyz", Secret{"secret-1"}));
}

}  // namespace
}  // namespace evergrant
