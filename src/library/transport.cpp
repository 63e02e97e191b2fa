#include "library/transport.hpp"

#include <utility>

#include "base/secret.hpp"
#include "net/address_guard.hpp"

namespace evergrant::library {

Task<Result<HttpResponse>> ForeignTransport::send(OutboundRequest request) {
  const auto allowed = check_url(request.url, request.address_rule, request.allow_loopback_http);
  if (!allowed) {
    wipe(request.body);
    co_return std::unexpected(allowed.error());
  }
  Completion<Result<HttpResponse>> answered;
  HttpCall call{.method = std::move(request.method),
                .url = std::move(request.url),
                .headers = request.headers.all(),
                .body = std::move(request.body),
                .timeout = request.timeout,
                .max_body = request.max_body};
  theirs_.send(std::move(call), [answered](Result<HttpAnswer> answer) {
    if (!answer) return answered.set(std::unexpected(std::move(answer).error()));
    HttpResponse response;
    response.status = answer->status;
    response.body = std::move(answer->body);
    for (auto& [name, value] : answer->headers) response.headers.add(std::move(name), std::move(value));
    answered.set(std::move(response));
  });
  auto response = co_await answered;
  if (response && response->body.size() > request.max_body) {
    co_return fail(Errc::ambiguous, "the application's transport gave an answer that is longer than was asked for");
  }
  co_return response;
}

}  // namespace evergrant::library
