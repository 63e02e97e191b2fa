#include "testing/gate.hpp"

#include <exception>

namespace evergrant::testing {
namespace {

HttpResponse without_answer(int status) { return {.status = status, .headers = {}, .body = {}}; }

}  // namespace

void Gate::open(Lane& lane, HttpHandler& behind) {
  lane_ = &lane;
  behind_ = &behind;
}

void Gate::close() {
  behind_ = nullptr;
  for (const auto& [number, answer] : waiting_) {
    loop_.request_went(number);
    answer.set(without_answer(0));
  }
  waiting_.clear();
}

Task<HttpResponse> Gate::handle(HttpRequest request) {
  const Completion<HttpResponse> answer;
  loop_.executor().post([this, inside = std::move(request), answer]() mutable { admit(std::move(inside), answer); });
  HttpResponse response = co_await answer;
  co_return response;
}

void Gate::admit(HttpRequest request, const Completion<HttpResponse>& answer) {
  if (behind_ == nullptr) return answer.set(without_answer(0));
  const std::uint64_t number = loop_.request_came();
  waiting_.emplace(number, answer);
  spawn(*lane_, serve(number, behind_->handle(std::move(request))));  // ends with the answer, or with the lane
}

Task<void> Gate::serve(std::uint64_t number, Task<HttpResponse> task) {
  HttpResponse response = without_answer(500);  // as a listener answers for a handler that throws
  try {
    response = co_await std::move(task);
  } catch (const std::exception&) {
    response = without_answer(500);
  }
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) co_return;  // the gate was closed meanwhile
  const Completion<HttpResponse> answer = found->second;
  waiting_.erase(found);
  loop_.request_went(number);
  answer.set(std::move(response));
}

}  // namespace evergrant::testing
