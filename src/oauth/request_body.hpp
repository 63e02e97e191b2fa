// Bodies of requests to providers, and wiping what they were made of. Pure.
#pragma once

#include "base/encoding.hpp"
#include "model/provider.hpp"
#include "net/http.hpp"

namespace evergrant {

// The parameters as a form or as one JSON object of strings, with its content type.
void set_body(OutboundRequest& request, const Parameters& parameters, BodyFormat format);
// Values hold credentials.
void wipe_values(Parameters& parameters) noexcept;
// Every `{name}` of the text becomes `value`.
[[nodiscard]] std::string fill_in(std::string_view text, std::string_view name, std::string_view value);

}  // namespace evergrant
