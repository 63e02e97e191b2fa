// The last requests, as the sandbox saw them: never a token, a code or a secret. Not synchronised: the Sandbox guards it.
#pragma once

#include <boost/json/array.hpp>
#include <deque>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace evergrant {

struct SeenRequest {
  std::int64_t number = 0;  // counts from 1
  Time at;
  std::string method, path, endpoint;
  std::string grant_type, grant, client_id, realm;
  std::string kid;      // of the client's assertion
  std::string outcome;  // answered, dropped_before, dropped_after, refused
  int status = 0;       // 0: no answer
  std::string error;    // of an OAuth error answer
  std::string fault;    // the rule that applied
  std::string transaction_id;
};

class RequestLog {
 public:
  explicit RequestLog(std::size_t remembered) : remembered_{remembered} {}

  void add(SeenRequest request) {
    request.number = ++seen_;
    entries_.push_back(std::move(request));
    if (entries_.size() > remembered_) entries_.pop_front();
  }
  void clear() { entries_.clear(); }
  [[nodiscard]] std::int64_t seen() const { return seen_; }
  [[nodiscard]] const std::deque<SeenRequest>& entries() const { return entries_; }

 private:
  std::size_t remembered_;
  std::int64_t seen_ = 0;
  std::deque<SeenRequest> entries_;
};

}  // namespace evergrant
