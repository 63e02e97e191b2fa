#include "oauth/callback.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"

namespace evergrant {
namespace {

constexpr std::size_t max_query = 32U << 10U;
constexpr std::size_t max_parameters = 100;
constexpr std::size_t max_state = 128;
constexpr std::size_t max_code = 8U << 10U;  // CB-10: generous
constexpr std::size_t max_iss = 2048;
constexpr std::size_t max_extra = 2048;

std::unexpected<Error> refuse(std::string text) {
  return fail(Errc::invalid_argument, "the authorization response " + std::move(text), "start the connection again");
}

void wipe_all(Parameters& parameters) {
  for (auto& parameter : parameters) wipe(parameter.second);
}

// Names that are read: a second one of these makes the answer contradict itself (RFC 6749 3.1).
std::vector<std::string> names_read(const AuthorizeProfile& profile) {
  std::vector<std::string> names{"state", "iss", "error", "error_description", profile.code_parameter};
  names.insert(names.end(), profile.callback_extras.begin(), profile.callback_extras.end());
  if (!profile.callback_hmac_parameter.empty()) names.push_back(profile.callback_hmac_parameter);
  return names;
}

// CB-13, as Shopify documents it: hex HMAC-SHA256 over the other parameters, sorted by name and form-encoded again, so that
// no value can pass for two parameters.
bool is_signed_by(const Parameters& parameters, std::string_view hmac_name, std::string_view signature,
                  const std::vector<ClientSecret>& secrets) {
  Parameters rest;
  std::ranges::copy_if(parameters, std::back_inserter(rest), [&](const auto& p) { return p.first != hmac_name; });
  std::ranges::sort(rest);
  std::string canonical = form_encode(rest);
  wipe_all(rest);
  bool found = false;
  for (const auto& secret : secrets) {
    const std::string expected = hex_encode(hmac_sha256(secret.value, canonical));
    found = equal_in_constant_time(expected, signature) || found;
  }
  wipe(canonical);  // the code is in it
  return found;
}

Result<> check_signature(const Parameters& parameters, const Registration& registration) {
  const std::string& name = registration.provider.authorize.callback_hmac_parameter;
  if (name.empty()) return {};
  const auto signature = single(parameters, name);
  if (!signature) return refuse("lacks the provider's signature '" + name + "'");
  if (!is_signed_by(parameters, name, to_lower_ascii(*signature), registration.client_secrets)) {
    return refuse("carries a signature '" + name + "' that is not the provider's");
  }
  return {};
}

Result<Parameters> read_parameters(std::string_view query, const AuthorizeProfile& profile) {
  if (query.size() > max_query) return refuse("is longer than 32 KiB");
  auto parameters = form_decode(query);
  if (!parameters) return refuse("is not well-formed: a broken %XX");
  if (parameters->size() > max_parameters) return refuse("has more than 100 parameters");
  for (const auto& name : names_read(profile)) {
    if (count(*parameters, name) > 1) return refuse("carries '" + printable(name, 60) + "' more than once");
  }
  return std::move(*parameters);
}

bool is_text(std::string_view value) {
  return is_utf8(value) &&
         std::ranges::none_of(value, [](char c) { return (static_cast<unsigned char>(c) < 0x20) || c == 0x7F; });
}

Result<std::map<std::string, std::string>> read_extras(const Parameters& parameters, const AuthorizeProfile& profile) {
  std::map<std::string, std::string> extras;
  for (const auto& name : profile.callback_extras) {
    auto value = single(parameters, name);
    if (!value || value->empty()) continue;
    if (value->size() > max_extra || !is_text(*value)) {
      return refuse("carries '" + printable(name, 60) + "' with a value that is too long or not text");
    }
    extras.emplace(name, std::move(*value));
  }
  return extras;
}

// CB-04. Everything else is a matter of configuration, or of the provider's own.
CallbackOutcome outcome_of(std::string_view error) {
  if (error == "access_denied") return CallbackOutcome::cancelled;
  if (error == "temporarily_unavailable" || error == "server_error") return CallbackOutcome::retryable;
  return CallbackOutcome::refused;
}

bool is_code(std::string_view code) {
  const bool visible = std::ranges::all_of(code, [](char c) { return c >= 0x20 && c < 0x7F; });  // VSCHAR
  return visible && !code.empty() && code.size() <= max_code;
}

// CB-10: some providers leave a tail on the code, or encode it twice.
std::optional<Secret> clean_code(std::string code, const AuthorizeProfile& profile) {
  const auto& suffix = profile.code_strip_suffix;
  if (!suffix.empty() && code.ends_with(suffix)) code.resize(code.size() - suffix.size());
  if (profile.code_url_decode) {
    auto decoded = percent_decode(code);
    if (!decoded) return std::nullopt;
    code.swap(*decoded);
    wipe(*decoded);
  }
  if (!is_code(code)) return std::nullopt;
  return Secret::take(std::move(code));
}

void read_outcome(const Parameters& parameters, const AuthorizeProfile& profile, Callback& out) {
  auto code = single(parameters, profile.code_parameter);
  const auto error = single(parameters, "error");
  if (error && !error->empty()) {
    out.error = printable(*error, 100);
    if (out.error.empty()) out.error = "malformed_error";
    out.error_description = printable(single(parameters, "error_description").value_or(""), 300);
    out.outcome = outcome_of(*error);
    if (code) {
      wipe(*code);
      out.outcome = CallbackOutcome::refused;  // both at once: neither is believed
    }
    return;
  }
  out.outcome = CallbackOutcome::refused;
  out.error = code ? "malformed_code" : "missing_code";
  if (!code) return;
  auto cleaned = clean_code(std::move(*code), profile);
  if (!cleaned) return;
  out.code = std::move(*cleaned);
  out.error.clear();
  out.outcome = CallbackOutcome::code;
}

Result<Callback> read_checked(const Parameters& parameters, const Registration& registration) {
  const AuthorizeProfile& profile = registration.provider.authorize;
  if (auto verified = check_signature(parameters, registration); !verified) return std::unexpected(verified.error());
  Callback out;
  out.state = single(parameters, "state").value_or("");
  if (out.state.empty()) return refuse("has no state");
  if (out.state.size() > max_state) return refuse("has a state that is too long");
  out.iss = single(parameters, "iss");
  if (out.iss && out.iss->size() > max_iss) return refuse("has an issuer that is too long");
  auto extras = read_extras(parameters, profile);
  if (!extras) return std::unexpected(extras.error());
  out.extras = std::move(*extras);
  read_outcome(parameters, profile, out);
  return out;
}

}  // namespace

Result<Callback> read_callback(std::string_view query, const Registration& registration) {
  auto parameters = read_parameters(query, registration.provider.authorize);
  if (!parameters) return std::unexpected(parameters.error());
  auto callback = read_checked(*parameters, registration);
  wipe_all(*parameters);  // the code was among them
  return callback;
}

Result<> check_callback_issuer(const Callback& callback, std::string_view expected_issuer, IssParameter rule,
                               bool supported) {
  if (!callback.iss) {
    if (rule == IssParameter::if_present && !supported) return {};
    return refuse("does not say which provider it comes from (iss), though this provider always does");
  }
  // A provider without a known issuer can have nothing to compare with (plain OAuth).
  if (expected_issuer.empty() && rule == IssParameter::if_present && !supported) return {};
  if (*callback.iss != expected_issuer) return refuse("comes from another provider than the one that was asked (iss)");
  return {};
}

}  // namespace evergrant
