// The body of a provider's answer as one JSON object, whatever it was written in. Pure.
#pragma once

#include "base/result.hpp"
#include "model/provider.hpp"
#include "net/http.hpp"
#include "oauth/json_member.hpp"

namespace evergrant {

// JSON or a form, as the profile says and the content type admits; members of a form become strings. The value is an
// object. Errors: invalid_argument and too_large, never with the text.
[[nodiscard]] Result<WipedJson> read_answer_body(const HttpResponse& response, ResponseFormat format);

}  // namespace evergrant
