// The HTTP API, version 1 (design section 8): one route table, thin handlers, RFC 9457 problems. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "access/access_control.hpp"
#include "access/local_callers.hpp"
#include "lifecycle/connect.hpp"
#include "lifecycle/id_token_verifier.hpp"
#include "lifecycle/janitor.hpp"
#include "lifecycle/revoker.hpp"
#include "lifecycle/token_service.hpp"
#include "lifecycle/user_info_reader.hpp"
#include "net/http.hpp"
#include "proxy/proxy.hpp"

namespace evergrant {

struct ApiParts {
  Store& store;
  Vault& vault;
  TokenService& tokens;
  Connector& connector;
  Revoker& revoker;
  IdTokenVerifier& id_tokens;
  UserInfoReader& user_info;
  Callers& callers;
  Audit& audit;
  const Registrations& registrations;
  const std::vector<Provider>& providers;  // every profile known, for /v1/providers
  Clock& clock;
  Random& random;
  Metrics& metrics;
  const Log& log;
  Proxy* proxy = nullptr;  // none: nothing is proxied
};

struct ApiOptions {
  std::string public_url;
  bool metrics_need_key = true;  // false only on a loopback or unix listener (SVC-07)
  std::size_t json_depth = 16;
  std::shared_ptr<const LocalCallers> local_callers = std::make_shared<const LocalCallers>();
};

class ApiService final : public HttpHandler {
 public:
  ApiService(const ApiParts& parts, const ApiOptions& options);
  ~ApiService() override;
  Task<HttpResponse> handle(HttpRequest request) override;
  // The reading path (quick_token.hpp).
  bool answer_now(const QuickRequest& request, const QuickPeer& peer, AnswerRoom& room) override;
  // The proxy's calls.
  [[nodiscard]] bool streams(std::string_view method, std::string_view path) const noexcept override;
  Task<void> stream(HttpRequest head, HttpExchange& exchange) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evergrant
