#include "oauth/callback.hpp"

#include "fuzz/fuzz.hpp"

using namespace evergrant;

namespace {

enum class Kind : std::uint8_t { plain, tail_and_coding, is_signed };

Registration registration_of(Kind kind) {
  Registration registration;
  registration.client_secrets.push_back({Secret{std::string_view{"hush"}}, std::nullopt});
  auto& profile = registration.provider.authorize;
  profile.callback_extras = {"realmId", "location"};
  if (kind == Kind::tail_and_coding) {
    profile.code_url_decode = true;
    profile.code_strip_suffix = "#_";
    profile.code_parameter = "authorization_code";
  }
  if (kind == Kind::is_signed) profile.callback_hmac_parameter = "hmac";
  return registration;
}

bool is_visible(std::string_view text) {
  for (const char c : text) {
    if (c < 0x20 || c >= 0x7F) return false;
  }
  return !text.empty();
}

void demand_consistent(const Callback& callback) {
  const bool has_code = callback.outcome == CallbackOutcome::code;
  fuzz::demand(has_code == !callback.code.empty() && has_code == callback.error.empty(), "a code, or an error: never both");
  fuzz::demand(!has_code || (is_visible(callback.code.reveal()) && callback.code.size() <= 8192),
               "a code is VSCHAR (CB-10)");
  fuzz::demand(!callback.state.empty() && callback.state.size() <= 128, "a state is there, and short");
  fuzz::demand(!callback.iss || callback.iss->size() <= 2048, "an issuer is bounded");
  fuzz::demand_printable(callback.error, 100, "an error is printable and short");
  fuzz::demand_printable(callback.error_description, 300, "a description is printable and short");
  for (const auto& [name, value] : callback.extras) {
    fuzz::demand(name == "realmId" || name == "location", "only listed extras are kept");
    fuzz::demand(is_utf8(value) && value.size() <= 2048, "an extra is text");
  }
}

// What was read, written anew, is read as the same.
void demand_round_trip(const Callback& callback, const Registration& registration) {
  Parameters parameters{{"state", callback.state}, {"code", std::string{callback.code.reveal()}}};
  if (callback.iss) parameters.emplace_back("iss", *callback.iss);
  for (const auto& extra : callback.extras) parameters.push_back(extra);
  const auto again = read_callback(form_encode(parameters), registration);
  fuzz::demand(again && again->outcome == CallbackOutcome::code && again->code == callback.code &&
                   again->state == callback.state && again->iss == callback.iss && again->extras == callback.extras,
               "a callback survives being written again");
}

}  // namespace

// The query with which a browser comes back; anybody can write one. First letter: the profile.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::array registrations{registration_of(Kind::plain), registration_of(Kind::tail_and_coding),
                                        registration_of(Kind::is_signed)};
  auto query = fuzz::bytes_of(data, size);
  const auto& registration = fuzz::pick(query, registrations);
  const auto callback = read_callback(query, registration);
  if (!callback) {
    fuzz::demand(callback.error().code == Errc::invalid_argument, "a refused callback is its sender's fault");
    fuzz::demand_sound(callback.error(), 300);
    return 0;
  }
  demand_consistent(*callback);
  if (&registration == registrations.data() && callback->outcome == CallbackOutcome::code) {
    demand_round_trip(*callback, registration);
  }
  const auto same = check_callback_issuer(*callback, "https://id.example", IssParameter::enforce, true);
  fuzz::demand(same.has_value() == (callback->iss == "https://id.example"),
               "only the issuer that was asked answers (CB-06)");
  return 0;
}
