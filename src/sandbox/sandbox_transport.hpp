// An HttpTransport that leads to a Sandbox in the same process, without a network: for tests and simulations, in virtual
// time too. It honours the sandbox's faults as a network would show them: a dropped answer is `ambiguous`, a refused
// connection `provider_unavailable`, and an answer later than the request's timeout `ambiguous`.
// Thread-safe as far as the sandbox is.
#pragma once

#include <atomic>

#include "net/http.hpp"
#include "sandbox/sandbox.hpp"

namespace evergrant {

class SandboxTransport final : public HttpTransport {
 public:
  // `sandbox` outlives every request, also those whose timeout has passed.
  explicit SandboxTransport(Sandbox& sandbox) : sandbox_{sandbox} {}

  Task<Result<HttpResponse>> send(OutboundRequest request) override;

  // Down: every request is `provider_unavailable`.
  void set_down(bool down) { down_ = down; }
  // Requests that were sent, whatever became of them.
  [[nodiscard]] int sent() const { return sent_; }

 private:
  Sandbox& sandbox_;
  std::atomic<bool> down_ = false;
  std::atomic<int> sent_ = 0;
};

}  // namespace evergrant
