// What a provider's answer means for the call that it answers (USE-05, USE-06, REF-16): pass it on, refresh the token and
// send the call once more, or tell the caller that the customer has to grant more. And what a lost connection means. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace evergrant {

enum class AnswerAction : std::uint8_t {
  pass,                // the provider's answer is the caller's
  refresh_and_replay,  // the token was refused before anything was done: a new one, and the same call once more
  refresh_and_pass,    // the same, but the body is gone: the caller has to send it again itself
  step_up,             // the grant does not reach so far; a new token would not either
};

struct AnswerFacts {
  int status = 0;
  std::string_view challenge;  // WWW-Authenticate, its lines joined
  bool replayable = false;     // the whole body can be sent again
  bool replayed = false;       // this answers the second sending already
};

struct AnswerVerdict {
  AnswerAction action = AnswerAction::pass;
  std::string scope;        // of step_up: what the provider asks for, where it says so
  std::string description;  // of step_up: its own words, printable
};

[[nodiscard]] AnswerVerdict judge_answer(const AnswerFacts& facts);

// GET, HEAD, OPTIONS, PUT, DELETE: twice is as once (RFC 9110 9.2.2).
[[nodiscard]] bool is_idempotent(std::string_view method) noexcept;

struct LostConnection {
  bool reused = false;        // it had served another call before
  bool answer_begun = false;  // a byte of the answer was read
  bool nothing_sent = false;  // no byte of the request had left
  bool replayable = false;
  bool timed_out = false;
};
// Whether the call may be sent again on a new connection: only where the old one had been closed while it was idle.
[[nodiscard]] bool may_send_again(std::string_view method, const LostConnection& lost) noexcept;

}  // namespace evergrant
