// A local provider that behaves like QuickBooks Online's authorization server, or misbehaves on demand: the test bench and
// the newcomer's playground. It is deterministic given its Clock and its Random (but for RSA keys).
// Thread-safe: `handle` may run on several serving threads; one mutex guards the state and is never held across an await.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "net/http.hpp"
#include "sandbox/options.hpp"

namespace evergrant {

struct SandboxAnswer {
  HttpResponse response;  // status 0: the connection ends without an answer
  bool refused = false;   // as if nobody had listened: the request was never taken
};

class Sandbox final : public HttpHandler {
 public:
  Sandbox(const SandboxOptions& options, const Clock& base_clock, Random& random, const Log& log);
  ~Sandbox() override;
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  // Reads the state file, if there is to be one. Before serving. Errors: invalid_argument.
  [[nodiscard]] Result<> open();
  // Where it is reached, once the port is known. Before serving.
  void set_base_url(std::string base_url);

  // How key sets of clients are fetched; without, a client with a jwks_uri is refused. What it refers to outlives what is
  // handled.
  using Fetch = std::function<Task<Result<HttpResponse>>(OutboundRequest)>;
  void fetch_with(Fetch fetch);

  Task<HttpResponse> handle(HttpRequest request) override;
  // As `handle`, and tells a dropped answer from a refused connection.
  Task<SandboxAnswer> answer(HttpRequest request);

  // The control API for programs in the same process: `path` below /control with query, `body` JSON or empty.
  HttpResponse control(std::string_view method, std::string_view path, std::string body = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evergrant
