// Text encodings of the protocols: base64url (RFC 4648 5, no padding), base64, hex, percent and form encoding.
// Decoders are strict: what is not canonical is refused. Thread-safe; no state.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace evergrant {

[[nodiscard]] std::string base64url_encode(std::string_view bytes);
[[nodiscard]] std::optional<std::string> base64url_decode(std::string_view text);  // refuses padding, stray bits, others
[[nodiscard]] std::string base64_encode(std::string_view bytes);
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);
[[nodiscard]] std::string hex_encode(std::string_view bytes);
[[nodiscard]] std::optional<std::string> hex_decode(std::string_view text);

// Everything but RFC 3986 unreserved characters becomes %XX.
[[nodiscard]] std::string percent_encode(std::string_view text);
// Nothing on a broken %XX.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);
// application/x-www-form-urlencoded (RFC 6749 appendix B): as percent_encode, with space as '+'.
[[nodiscard]] std::string form_encode(std::string_view text);

// Parameters in order, names may repeat: the parser never hides a duplicate from its caller (CB-02).
using Parameters = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] std::string form_encode(const Parameters& parameters);
// Nothing on a broken %XX. A name without '=' has an empty value; empty pieces are skipped.
[[nodiscard]] std::optional<Parameters> form_decode(std::string_view text);
// The value if `name` occurs exactly once.
[[nodiscard]] std::optional<std::string> single(const Parameters& parameters, std::string_view name);
[[nodiscard]] std::size_t count(const Parameters& parameters, std::string_view name);

[[nodiscard]] std::string html_escape(std::string_view text);
[[nodiscard]] std::string to_lower_ascii(std::string_view text);
[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);  // skips empty pieces
[[nodiscard]] std::string join(const std::vector<std::string>& pieces, std::string_view separator);
// True for well-formed UTF-8 without surrogates or overlong forms.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;
// Text from outside made fit for logs and pages: control characters dropped, invalid UTF-8 replaced, cut at `limit` bytes.
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit = 200);

}  // namespace evergrant
