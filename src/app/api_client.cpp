#include "app/api_client.hpp"

#include <thread>

#include "base/executor.hpp"
#include "base/task.hpp"
#include "net/http_client.hpp"

namespace evergrant {
namespace {

std::string member(const boost::json::value& body, std::string_view name) {
  const auto* object = body.if_object();
  const auto* value = object == nullptr ? nullptr : object->if_contains(name);
  return value != nullptr && value->is_string() ? std::string{value->as_string()} : std::string{};
}

boost::json::value parse_or_null(const std::string& text) {
  std::error_code error;
  auto value = boost::json::parse(text, error);
  return error ? boost::json::value(nullptr) : value;
}

}  // namespace

struct ApiClient::Impl {
  ApiClientOptions options;
  RunLoop loop;
  HttpClient http;
  std::jthread thread;

  explicit Impl(ApiClientOptions given)
      : options{std::move(given)}, http{{.ca_file = options.ca_file, .unix_socket = options.unix_socket}} {}

  Result<HttpResponse> send(OutboundRequest request) {
    request.allow_loopback_http = true;
    request.timeout = std::chrono::seconds{150};
    request.max_body = 16U << 20U;
    return wait_on(loop, http.send(std::move(request)));
  }
};

ApiClient::ApiClient(ApiClientOptions options) : impl_{std::make_unique<Impl>(std::move(options))} {
  impl_->thread = std::jthread{[this] { impl_->loop.run(); }};
  if (auto started = impl_->http.start(); !started) throw std::runtime_error(started.error().message);
}

ApiClient::~ApiClient() { impl_->loop.stop(); }

std::expected<boost::json::value, ApiError> ApiClient::call(std::string_view method, const std::string& path,
                                                            const std::optional<boost::json::value>& body) {
  OutboundRequest request;
  request.method = method;
  request.url = impl_->options.url + path;
  request.headers.add("Accept", "application/json");
  if (!impl_->options.key.empty())
    request.headers.add("Authorization", "Bearer " + std::string{impl_->options.key.reveal()});
  if (body) {
    request.headers.add("Content-Type", "application/json");
    request.body = boost::json::serialize(*body);
  }
  auto response = impl_->send(std::move(request));
  if (!response) {
    return std::unexpected(ApiError{.status = 0,
                                    .code = "unreachable",
                                    .detail = response.error().message,
                                    .hint = "is the server running? start it with ./run, or name it with --url"});
  }
  auto value = parse_or_null(response->body);
  if (response->status >= 200 && response->status < 300) return value;
  ApiError error{.status = response->status,
                 .code = member(value, "code"),
                 .detail = member(value, "detail"),
                 .hint = member(value, "hint")};
  if (error.detail.empty()) error.detail = "the server answered " + std::to_string(response->status);
  return std::unexpected(std::move(error));
}

Result<HttpResponse> ApiClient::fetch(const std::string& url, Headers headers) {
  OutboundRequest request;
  request.url = url;
  request.headers = std::move(headers);
  return impl_->send(std::move(request));
}

}  // namespace evergrant
