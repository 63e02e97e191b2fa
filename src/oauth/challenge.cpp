#include "oauth/challenge.hpp"

#include <algorithm>
#include <utility>

#include "base/encoding.hpp"
#include "oauth/provider_text.hpp"

namespace evergrant {
namespace {

constexpr std::size_t max_field = 8U << 10U;
constexpr std::size_t max_challenges = 32;
constexpr std::size_t max_challenge_parameters = 32;
constexpr std::string_view token_marks = "!#$%&'*+-.^_`|~";  // RFC 9110 5.6.2
constexpr std::string_view token68_marks = "-._~+/";         // RFC 9110 11.2
constexpr std::string_view optional_space = " \t";

bool is_letter_or_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_field_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; }

std::unexpected<Error> too_many(std::string what) {
  return fail(Errc::too_large, "the WWW-Authenticate header has more than " + std::move(what));
}

// One pass, without going back further than to the start of a word.
class ChallengeReader {
 public:
  explicit ChallengeReader(std::string_view field) : field_{field} {}

  Result<std::vector<Challenge>> read() {
    while (true) {
      skip(" \t,");  // RFC 9110 5.6.1.2: empty elements are read over
      if (is_done()) return std::move(challenges_);
      if (auto element = read_element(); !element) return std::unexpected(element.error());
      skip(optional_space);
      if (!is_done() && next() != ',') return malformed("a comma is missing");
    }
  }

 private:
  // After a comma stands a further parameter of the same challenge, or the next challenge: what follows the word decides.
  Result<> read_element() {
    const std::size_t start = at_;
    const auto word = take(token_marks);
    if (word.empty()) return malformed("neither a scheme nor a parameter");
    if (!may_have_parameters_ || !is_equals_sign_next()) return read_challenge(word);
    at_ = start;
    return read_parameter();
  }

  Result<> read_challenge(std::string_view scheme) {
    if (challenges_.size() == max_challenges) return too_many("32 challenges");
    challenges_.push_back({.scheme = to_lower_ascii(scheme)});
    may_have_parameters_ = false;
    if (next() != ' ') return {};
    skip(" ");
    if (take_token68()) return {};
    may_have_parameters_ = true;
    const bool nothing_yet = is_done() || next() == ',' || next() == '\t';
    return nothing_yet ? Result<>{} : read_parameter();
  }

  Result<> read_parameter() {
    auto name = to_lower_ascii(take(token_marks));
    if (name.empty()) return malformed("a parameter has no name");
    if (!is_equals_sign_next()) return malformed("a parameter has no value");
    skip(optional_space);
    ++at_;
    skip(optional_space);
    auto value = take_value();
    if (!value) return malformed("a value is missing, has no end, or holds what it must not");
    auto& parameters = challenges_.back().parameters;
    if (!parameters.try_emplace(std::move(name), std::move(*value)).second) return malformed("a parameter occurs twice");
    if (parameters.size() > max_challenge_parameters) return too_many("32 parameters in one challenge");
    return {};
  }

  // A word, which may end in equals signs, and nothing but a comma behind it. Otherwise it is a parameter, and stays.
  bool take_token68() {
    const std::size_t start = at_;
    const auto word = take(token68_marks);
    skip("=");
    const std::size_t end = at_;
    skip(optional_space);
    const bool is_whole = !word.empty() && (is_done() || next() == ',');
    at_ = is_whole ? end : start;
    if (is_whole) challenges_.back().token68 = field_.substr(start, end - start);
    return is_whole;
  }

  std::optional<std::string> take_value() {
    if (next() == '"') return take_quoted();
    const auto word = take(token_marks);
    return word.empty() ? std::nullopt : std::optional{std::string{word}};
  }

  std::optional<std::string> take_quoted() {
    std::string text;
    for (++at_; !is_done(); ++at_) {
      if (next() == '"') {
        ++at_;
        return text;
      }
      if (next() == '\\') ++at_;
      if (is_done() || is_field_control(next())) break;
      text += next();
    }
    return std::nullopt;
  }

  std::string_view take(std::string_view marks) {
    const std::size_t start = at_;
    while (!is_done() && (is_letter_or_digit(next()) || marks.contains(next()))) ++at_;
    return field_.substr(start, at_ - start);
  }

  // RFC 9110 11.2: bad whitespace around it must be understood.
  [[nodiscard]] bool is_equals_sign_next() const {
    const auto found = field_.find_first_not_of(optional_space, at_);
    return found != std::string_view::npos && field_[found] == '=';
  }

  void skip(std::string_view characters) { at_ = std::min(field_.find_first_not_of(characters, at_), field_.size()); }
  [[nodiscard]] bool is_done() const { return at_ == field_.size(); }
  [[nodiscard]] char next() const { return is_done() ? '\0' : field_[at_]; }
  [[nodiscard]] std::unexpected<Error> malformed(std::string_view what) const {
    return fail(Errc::invalid_argument,
                "the WWW-Authenticate header is malformed at byte " + std::to_string(at_) + ": " + std::string{what});
  }

  std::string_view field_;
  std::size_t at_ = 0;
  std::vector<Challenge> challenges_;
  bool may_have_parameters_ = false;  // of the last challenge
};

std::string_view parameter_of(const Challenge& challenge, const std::string& name) {
  const auto found = challenge.parameters.find(name);
  return found == challenge.parameters.end() ? std::string_view{} : found->second;
}

// RFC 6750 3 forbids quotation marks, backslashes and what is not ASCII in scopes; no URL holds them either (RFC 3986 2).
std::string whole_or_nothing(std::string_view text, std::size_t limit) {
  const bool is_plain = std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; });
  return is_plain && text.size() <= limit ? std::string{text} : std::string{};
}

}  // namespace

Result<std::vector<Challenge>> parse_challenges(std::string_view field) {
  if (field.size() > max_field) return too_many("8 KiB");
  return ChallengeReader{field}.read();
}

std::optional<BearerChallenge> bearer_challenge(const std::vector<Challenge>& challenges) {
  const Challenge* chosen = nullptr;
  for (const auto& challenge : challenges) {
    if (challenge.scheme != "bearer") continue;
    const bool is_first_error =
        challenge.parameters.contains("error") && (chosen == nullptr || !chosen->parameters.contains("error"));
    if (chosen == nullptr || is_first_error) chosen = &challenge;
  }
  if (chosen == nullptr) return std::nullopt;
  const auto url = whole_or_nothing(parameter_of(*chosen, "resource_metadata"), 2048);
  return BearerChallenge{.error = presentable(parameter_of(*chosen, "error"), 100),
                         .error_description = presentable(parameter_of(*chosen, "error_description"), 300),
                         .realm = presentable(parameter_of(*chosen, "realm"), 100),
                         .scope = whole_or_nothing(parameter_of(*chosen, "scope"), 1024),
                         .resource_metadata = url.contains(' ') ? std::string{} : url};
}

}  // namespace evergrant
