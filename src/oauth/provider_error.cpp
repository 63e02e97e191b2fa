#include "oauth/provider_error.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "base/contains.hpp"
#include "base/encoding.hpp"
#include "oauth/json_member.hpp"
#include "oauth/provider_text.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

// RFC 6749 5.2; Meta {error:{code}}; Fitbit {errors:[{errorType}]}; others put objects or texts into the array.
constexpr std::array<std::string_view, 12> declared_paths{
    "error",       "error.code",         "error.type",    "error.error",    "error.0.code", "error.0",
    "errors.code", "errors.0.errorType", "errors.0.code", "errors.0.error", "errors.0",     "errors"};
// Okta errorCode; Intuit's API faults; Coinbase {errors:[{id}]}; HubSpot {status: "BAD_REFRESH_TOKEN"}.
constexpr std::array<std::string_view, 8> further_paths{
    "error_code", "errorCode", "code", "fault.error.0.code", "fault.code", "Fault.Error.0.code", "errors.0.id", "status"};
constexpr std::array<std::string_view, 8> description_paths{
    "error_description", "error.message", "errors.0.message", "error_message",
    "message",           "errorSummary",  "detail",           "fault.error.0.detail"};

// REF-10. Further codes come from the profile.
constexpr std::array<std::string_view, 5> terminal_codes{"invalid_grant", "unauthorized_client", "interaction_required",
                                                         "consent_required", "login_required"};
constexpr std::array<std::string_view, 3> operator_codes{"invalid_client", "unsupported_grant_type", "invalid_scope"};

// False, zero, empty and null are how some providers say "no error".
std::optional<std::string> code_at(const json::value& body, std::string_view path) {
  const auto* value = path.empty() ? nullptr : member_at(body, path);
  if (value == nullptr) return std::nullopt;
  auto text = text_of(*value);
  if (!text || *text == "false" || *text == "0" || printable(*text).empty()) return std::nullopt;
  return text;
}

bool is_number(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::string> find_code(const json::value& body, const ErrorProfile& profile, ErrorShapes shapes) {
  if (auto code = code_at(body, profile.code_member)) return code;
  for (const auto path : declared_paths) {
    if (auto code = code_at(body, path)) return code;
  }
  if (shapes == ErrorShapes::declared) return std::nullopt;
  for (const auto path : further_paths) {
    auto code = code_at(body, path);
    // A "status" that repeats the HTTP status says nothing.
    if (code && !(path == "status" && is_number(*code))) return code;
  }
  return std::nullopt;
}

std::string find_description(const json::value& body, const ErrorProfile& profile) {
  if (!profile.description_member.empty()) {
    if (const auto text = string_at(body, profile.description_member)) return std::string{*text};
  }
  for (const auto path : description_paths) {
    if (const auto text = string_at(body, path)) return std::string{*text};
  }
  return {};
}

bool holds(const json::value& body, std::string_view predicate) {
  const auto equals = predicate.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  const bool negated = predicate[equals - 1] == '!';
  const auto* value = member_at(body, trim(predicate.substr(0, negated ? equals - 1 : equals)));
  if (value == nullptr) return false;
  const bool same = text_of(*value).value_or("") == trim(predicate.substr(equals + 1));
  return same != negated;
}

}  // namespace

std::optional<ProviderError> read_provider_error(const json::value& body, const ErrorProfile& profile, ErrorShapes shapes) {
  const auto code = find_code(body, profile, shapes);
  if (!code) return std::nullopt;
  return ProviderError{.code = presentable(*code, 100), .description = presentable(find_description(body, profile), 300)};
}

bool says_failure(const json::value& body, const std::vector<std::string>& predicates) {
  return std::ranges::any_of(predicates, [&](const std::string& predicate) { return holds(body, predicate); });
}

FailureClass class_of_error(std::string_view code, const ErrorProfile& profile) {
  if (contains(profile.transient, code)) return FailureClass::transient;
  if (contains(profile.operator_, code)) return FailureClass::registration;
  if (contains(profile.terminal, code)) return FailureClass::grant;
  if (contains(operator_codes, code)) return FailureClass::registration;
  if (contains(terminal_codes, code)) return FailureClass::grant;
  return FailureClass::transient;
}

bool may_have_acted(int status, const std::optional<std::string>& code, const ErrorProfile& profile) {
  constexpr std::array<int, 5> undecided{500, 502, 504, 520, 524};
  if (std::ranges::find(undecided, status) == undecided.end()) return false;
  if (contains(profile.transient_statuses, status) || contains(profile.definite_statuses, status)) return false;
  if (!code) return true;
  const bool declined = contains(profile.transient, *code) || *code == "temporarily_unavailable" || *code == "slow_down";
  return !declined && class_of_error(*code, profile) == FailureClass::transient;
}

bool is_transient_status(int status, const ErrorProfile& profile) {
  if (contains(profile.transient_statuses, status)) return true;
  if (contains(profile.definite_statuses, status)) return false;
  return status == 408 || status == 425 || status == 429 || status >= 500;
}

}  // namespace evergrant
