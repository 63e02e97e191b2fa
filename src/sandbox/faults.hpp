// Faults on demand: rules that say which request goes wrong and how. Choosing and mangling are pure; nothing here waits.
// Not synchronised: the Sandbox guards it.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/http.hpp"

namespace evergrant {

enum class SandboxEndpoint : std::uint8_t {
  start,
  metadata,
  authorize,
  consent,
  token,
  revoke,
  userinfo,
  jwks,
  api,
  control,
  none
};
[[nodiscard]] std::string_view to_string(SandboxEndpoint endpoint) noexcept;

enum class Drop : std::uint8_t { no, before, after, refuse };  // refuse: as if nobody listened
enum class Mangle : std::uint8_t { no, malformed_json, truncated_json, empty_body, numbers_as_strings };

struct IdTokenFault {
  boost::json::object set;  // claims put over the right ones; a string "now+N" or "now-N" is a moment
  std::vector<std::string> remove;
  bool alg_none = false;
  bool bad_signature = false;
  bool foreign_key = false;
  [[nodiscard]] bool any() const { return !set.empty() || !remove.empty() || alg_none || bad_signature || foreign_key; }
};

struct FaultRule {
  std::string id;
  std::optional<SandboxEndpoint> endpoint;   // nothing: any but control
  std::string grant_type, realm, client_id;  // empty: any
  int skip = 0;                              // matching requests let through first
  std::optional<int> count;                  // then this many go wrong; nothing: always
  Duration latency{0};                       // before processing
  Duration latency_after{0};
  Drop drop = Drop::no;
  std::optional<int> status;  // answered instead; processed first only if `process`
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  bool process = false;
  Mangle mangle = Mangle::no;
  std::vector<std::string> remove_members;  // of a JSON answer
  boost::json::object set_members;
  IdTokenFault id_token;
  std::int64_t hits = 0;
};

// Errors: invalid_argument naming the field.
[[nodiscard]] Result<FaultRule> fault_from_json(const boost::json::object& source);
[[nodiscard]] boost::json::object to_json(const FaultRule& rule);

// What a request is, as far as rules ask.
struct FaultQuestion {
  SandboxEndpoint endpoint = SandboxEndpoint::none;
  std::string grant_type, realm, client_id;
};

class FaultList {
 public:
  // Its id.
  std::string add(FaultRule rule);
  // False: no such rule.
  bool remove(std::string_view id);
  void clear() { rules_.clear(); }
  [[nodiscard]] const std::vector<FaultRule>& rules() const { return rules_; }
  // The first rule that applies, used up by one; nothing: the request goes well.
  [[nodiscard]] std::optional<FaultRule> take(const FaultQuestion& question);

 private:
  std::vector<FaultRule> rules_;
  int made_ = 0;
};

// The answer that a rule with `status` puts in the place of the right one.
[[nodiscard]] HttpResponse replacement(const FaultRule& rule);
// The right answer, spoilt as the rule says.
[[nodiscard]] HttpResponse mangled(HttpResponse response, const FaultRule& rule);

}  // namespace evergrant
