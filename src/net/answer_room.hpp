// Where a handler puts an answer that it has at once: straight into the bytes that go out, so that a token is copied nowhere
// on its way. One owner, one thread; what is dropped, and later what was sent, is wiped.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace evergrant {

class AnswerRoom {
 public:
  // `out` may hold earlier answers; `date` as in Framing.
  AnswerRoom(std::string& out, std::string_view date) noexcept : out_{out}, date_{date}, before_{out.size()} {}
  AnswerRoom(const AnswerRoom&) = delete;
  AnswerRoom& operator=(const AnswerRoom&) = delete;

  // Begins a 200 answer that nobody may store, with a JSON body of just this many bytes, to be written there. `more` holds
  // further whole header lines. Call it once; the room stays where it is until the handler returns. What is in the room is
  // not zeroed: write all of it, or drop it.
  std::span<char> json(std::size_t size, std::string_view more = {});
  // There is no answer after all.
  void drop() noexcept;

 private:
  std::string& out_;
  std::string_view date_;
  std::size_t before_;
};

}  // namespace evergrant
