#include "oauth/answer_body.hpp"

#include "base/encoding.hpp"
#include "base/secret.hpp"
#include "crypto/strict_json.hpp"

namespace evergrant {
namespace {

std::string_view without_bom(std::string_view text) {
  constexpr std::string_view bom = "\xEF\xBB\xBF";
  if (text.starts_with(bom)) text.remove_prefix(bom.size());
  return trim(text);
}

bool says_form(const HttpResponse& response) {
  const auto type = response.headers.find("Content-Type");
  return type && to_lower_ascii(*type).starts_with("application/x-www-form-urlencoded");
}

// GitHub without an Accept header, and others that label a form as text/plain.
bool looks_like_form(std::string_view text) {
  return text.find_first_of("{[<\" \n") == std::string_view::npos && text.contains('=');
}

bool is_form(const HttpResponse& response, std::string_view text, ResponseFormat format) {
  if (text.starts_with('{')) return false;
  switch (format) {
    case ResponseFormat::form: return true;
    case ResponseFormat::json: return says_form(response);
    case ResponseFormat::automatic: return says_form(response) || looks_like_form(text);
  }
  return false;
}

Result<WipedJson> read_form(std::string_view text) {
  auto parameters = form_decode(text);
  if (!parameters || parameters->empty()) return fail(Errc::invalid_argument, "the answer is not a well-formed form");
  WipedJson out{boost::json::value(boost::json::object_kind)};
  auto& object = out.get().get_object();
  bool is_clean = true;
  for (auto& [name, value] : *parameters) {
    is_clean = is_clean && is_utf8(name) && is_utf8(value) && !object.contains(name);
    object[name] = value;
    wipe(value);
  }
  if (!is_clean) return fail(Errc::invalid_argument, "the answer's form has a name twice, or bytes that are not UTF-8");
  return out;
}

}  // namespace

Result<WipedJson> read_answer_body(const HttpResponse& response, ResponseFormat format) {
  const std::string_view text = without_bom(response.body);
  if (text.empty()) return fail(Errc::invalid_argument, "the answer is empty");
  if (is_form(response, text, format)) return read_form(text);
  auto value = parse_strict_json(text);
  if (!value) return std::unexpected(value.error());
  WipedJson out{std::move(*value)};
  if (!out.get().is_object()) return fail(Errc::invalid_argument, "the answer is not a JSON object");
  return out;
}

}  // namespace evergrant
