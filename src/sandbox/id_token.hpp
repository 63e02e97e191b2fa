// ID tokens, right ones and wrong ones.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "sandbox/faults.hpp"
#include "sandbox/key_shelf.hpp"

namespace evergrant {

// `claims` as the fault would have them. Pure.
[[nodiscard]] boost::json::object spoilt_claims(boost::json::object claims, const IdTokenFault& fault, Time now);
// A compact JWS, RS256 unless the fault says otherwise. Errors: internal.
[[nodiscard]] Result<std::string> sign_id_token(KeyShelf& keys, const boost::json::object& claims, const IdTokenFault& fault,
                                                Time now);

}  // namespace evergrant
