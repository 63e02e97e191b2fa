// What the audit trail says about where a call went: the words of the path, not what they are about. Pure.
#pragma once

#include <string>
#include <string_view>

namespace evergrant {

// "/v3/company/{realm}/invoice/*": segments that are no plain words become '*', the realm "{realm}"; without query; at most
// 120 characters.
[[nodiscard]] std::string path_class(std::string_view path, std::string_view realm);

}  // namespace evergrant
