// The pages that people see: plain, own markup only, no scripts; every value from outside is escaped. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/http.hpp"
#include "sandbox/state.hpp"

namespace evergrant {

[[nodiscard]] std::string consent_page(const AuthorizationAsk& ask, const std::vector<Company>& companies,
                                       std::string_view form_token);
[[nodiscard]] std::string refusal_page(std::string_view error, std::string_view description);
[[nodiscard]] std::string start_page(const SandboxState& state);
// A page as an answer, with Content-Security-Policy and its kin.
[[nodiscard]] HttpResponse page_answer(int status, std::string html);

}  // namespace evergrant
