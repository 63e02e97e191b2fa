#include "oauth/provider_error.hpp"

#include <algorithm>

#include "fuzz/fuzz.hpp"
#include "oauth/answer_body.hpp"

using namespace evergrant;

namespace {

bool is_token_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view{"-._~+/=%|:"}.contains(c);
}

// No run of 48 characters of which tokens are made (TOK-13), but for the marks that may end one.
void demand_no_token(std::string_view text) {
  constexpr std::size_t longest_word = 48;
  while (!text.empty()) {
    const auto end = std::ranges::find_if_not(text, is_token_character);
    std::string_view word{text.begin(), end};
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    while (!word.empty() && std::string_view{".:=%|"}.contains(word.back())) word.remove_suffix(1);
    fuzz::demand(word.size() < longest_word, "what looks like a token is cut out");
  }
}

ErrorProfile odd_profile() {
  ErrorProfile profile;
  profile.code_member = "fault.code";
  profile.description_member = "";
  profile.terminal = {"bad_refresh_token"};
  profile.definite_statuses = {500};
  return profile;
}

}  // namespace

// The body of a provider's error answer. First letter: how it is written; second: which shapes are looked for.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::array profiles{ErrorProfile{}, odd_profile()};
  auto input = fuzz::bytes_of(data, size);
  const auto format = fuzz::pick(input, std::array{ResponseFormat::json, ResponseFormat::form, ResponseFormat::automatic});
  const auto shapes = fuzz::pick(input, std::array{ErrorShapes::any, ErrorShapes::declared});
  fuzz::skip_newline(input);
  HttpResponse response;
  response.body = input;
  const auto body = read_answer_body(response, format);
  if (!body) {
    fuzz::demand_sound(body.error());
    return 0;
  }
  fuzz::demand(body->get().is_object(), "a body is an object");
  (void)says_failure(body->get(), {"ok=false", "code!=0", "a.b.0=x"});
  for (const auto& profile : profiles) {
    const auto error = read_provider_error(body->get(), profile, shapes);
    if (!error) continue;
    fuzz::demand_printable(error->code, 100, "a provider's code is printable and short");
    fuzz::demand_printable(error->description, 300, "a provider's description is printable and short");
    demand_no_token(error->code);
    demand_no_token(error->description);
    (void)class_of_error(error->code, profile);
    (void)may_have_acted(500, error->code, profile);
  }
  return 0;
}
