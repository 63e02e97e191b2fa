#include "proxy/path_class.hpp"

#include <gtest/gtest.h>

namespace evergrant {
namespace {

struct ClassRow {
  std::string_view path;
  std::string_view says;
};

TEST(PathClassTest, it_tells_the_words_of_a_path_and_not_what_they_are_about) {
  for (const auto& [path, says] : std::initializer_list<ClassRow>{
           {"/v3/company/9130/invoice/12", "/v3/company/{realm}/invoice/*"},
           {"/users/jane.doe@example.com/messages", "/users/*/messages"},
           {"/repos/acme/secret-project2/issues", "/repos/acme/*/issues"},
           {"/a%2Fb", "/*"},
           {"/", "/"},
           {"/thisisaverylongwordthatmaybeakeyofsomekind", "/*"},
       }) {
    EXPECT_EQ(path_class(path, "9130"), says);
  }
}

TEST(PathClassTest, it_is_bounded) {
  std::string path;
  for (int i = 0; i < 100; ++i) path += "/word";
  EXPECT_LE(path_class(path, "").size(), 121U);
}

}  // namespace
}  // namespace evergrant
