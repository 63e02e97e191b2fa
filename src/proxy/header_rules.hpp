// Which header fields pass through the proxy (USE-04). From the caller to the provider goes what describes the request, not
// who sent it or how; from the provider to the caller what describes the answer, not the connection or the provider's own
// site. Names compare without case, and an underscore counts as a hyphen, as many servers read it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/provider.hpp"
#include "net/http.hpp"

namespace evergrant {

// Both are made for one message and refer to it.
class RequestFields {
 public:
  RequestFields(const Headers& caller, const InjectProfile& profile);
  [[nodiscard]] bool passes(std::string_view name) const;
  // The same for a trailer, which passes only where it could do nothing as a header either.
  [[nodiscard]] bool passes_as_trailer(std::string_view name) const;

 private:
  const InjectProfile& profile_;
  std::vector<std::string_view> named_;  // by Connection
};

class AnswerFields {
 public:
  explicit AnswerFields(const Headers& answer);
  [[nodiscard]] bool passes(std::string_view name) const;

 private:
  std::vector<std::string_view> named_;
};

// The values of a field's lines as one, joined by ", " (RFC 9110 5.3); empty without one.
[[nodiscard]] std::string joined(const Headers& headers, std::string_view name);
// True where one of the list's words is `word`, without case.
[[nodiscard]] bool lists_word(const Headers& headers, std::string_view name, std::string_view word);

struct Injection {  // what is added to a request to the provider
  std::string name;
  std::string value;
};
// The profile's extra headers, {realm} replaced; without the credential. Errors: invalid_argument (a realm that no header
// can hold).
[[nodiscard]] Result<std::vector<Injection>> extra_fields(const InjectProfile& profile, std::string_view realm);

}  // namespace evergrant
