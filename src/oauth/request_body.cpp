#include "oauth/request_body.hpp"

#include <boost/json/object.hpp>

#include "base/secret.hpp"
#include "crypto/strict_json.hpp"
#include "oauth/json_member.hpp"

namespace evergrant {

void set_body(OutboundRequest& request, const Parameters& parameters, BodyFormat format) {
  switch (format) {
    case BodyFormat::form:
      request.headers.set("Content-Type", "application/x-www-form-urlencoded");
      request.body = form_encode(parameters);
      return;
    case BodyFormat::json: {
      WipedJson body{boost::json::value(boost::json::object_kind)};
      for (const auto& [name, value] : parameters) body.get().get_object()[name] = value;
      request.headers.set("Content-Type", "application/json");
      request.body = serialize_secret(body.get()).reveal();
      return;
    }
  }
}

void wipe_values(Parameters& parameters) noexcept {
  for (auto& parameter : parameters) wipe(parameter.second);
}

std::string fill_in(std::string_view text, std::string_view name, std::string_view value) {
  const std::string mark = "{" + std::string{name} + "}";
  std::string out;
  for (auto at = text.find(mark); at != std::string_view::npos; at = text.find(mark)) {
    out += text.substr(0, at);
    out += value;
    text.remove_prefix(at + mark.size());
  }
  return out += text;
}

}  // namespace evergrant
