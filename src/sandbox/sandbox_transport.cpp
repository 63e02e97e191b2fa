#include "sandbox/sandbox_transport.hpp"

#include <boost/url.hpp>

namespace evergrant {
namespace {

// What a server would read of it. Errors: invalid_argument.
Result<HttpRequest> as_received(OutboundRequest outbound) {
  const auto url = boost::urls::parse_uri(outbound.url);
  if (!url) return fail(Errc::invalid_argument, "the URL of a request cannot be read", "check the provider's endpoints");
  HttpRequest request;
  request.method = std::move(outbound.method);
  request.path = url->encoded_path();
  if (request.path.empty()) request.path = "/";
  request.query = url->encoded_query();
  request.headers = std::move(outbound.headers);
  request.headers.set("Host", std::string{url->encoded_host_and_port()});
  request.body = std::move(outbound.body);
  request.remote = "127.0.0.1";
  request.secure = url->scheme() == "https";
  return request;
}

// Ends when the sandbox has answered, which its longest latency bounds.
Task<void> answer_into(Sandbox& sandbox, HttpRequest request, Completion<SandboxAnswer> target) {
  SandboxAnswer answer = co_await sandbox.answer(std::move(request));
  target.set(std::move(answer));
}

}  // namespace

Task<Result<HttpResponse>> SandboxTransport::send(OutboundRequest request) {
  if (down_) co_return fail(Errc::provider_unavailable, "the sandbox is down");
  const Duration timeout = request.timeout;
  const std::size_t max_body = request.max_body;
  auto received = as_received(std::move(request));
  if (!received) co_return std::unexpected(received.error());
  ++sent_;
  Executor& here = co_await current_executor();
  Completion<SandboxAnswer> arrived;
  spawn(here, answer_into(sandbox_, std::move(*received), arrived));
  std::optional<SandboxAnswer> answer = co_await wait_for(arrived, timeout);
  if (!answer) co_return fail(Errc::ambiguous, "the sandbox did not answer in time");
  if (answer->refused) co_return fail(Errc::provider_unavailable, "the sandbox refused the connection");
  if (answer->response.status == 0) co_return fail(Errc::ambiguous, "the sandbox closed the connection without an answer");
  if (answer->response.body.size() > max_body) co_return fail(Errc::ambiguous, "the sandbox's answer is too long");
  co_return std::move(answer->response);
}

}  // namespace evergrant
