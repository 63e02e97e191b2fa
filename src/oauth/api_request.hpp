// A call of a provider's API on our own behalf: to prove a realm, for UserInfo. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "model/registration.hpp"
#include "net/http.hpp"

namespace evergrant {

// A GET of `url` with the access token in the way of the profile's [inject]. `realm` stands for {realm} in its extra
// headers; where it is empty (not known yet), a header that needs it is left out. Errors: invalid_argument (the URL: plain
// http).
[[nodiscard]] Result<OutboundRequest> build_api_request(const Registration& registration, std::string url,
                                                        const Secret& access_token, std::string_view realm);

}  // namespace evergrant
