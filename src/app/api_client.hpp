// The CLI's way to a running server: blocking calls over HTTP(S) or a Unix socket. One thread at a time.
#pragma once

#include <boost/json.hpp>

#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "net/http.hpp"

namespace evergrant {

struct ApiClientOptions {
  std::string url;          // http://127.0.0.1:8400
  std::string unix_socket;  // a path; then `url` only names the host
  std::string ca_file;
  Secret key;  // may be empty: public resources only
};

// What the server said, or why it could not be asked.
struct ApiError {
  int status = 0;    // 0: no answer
  std::string code;  // the problem's code
  std::string detail;
  std::string hint;
};

class ApiClient {
 public:
  explicit ApiClient(ApiClientOptions options);
  ~ApiClient();
  ApiClient(const ApiClient&) = delete;
  ApiClient& operator=(const ApiClient&) = delete;

  // A 2xx answer's JSON (null where it has no body).
  [[nodiscard]] std::expected<boost::json::value, ApiError> call(
      std::string_view method, const std::string& path, const std::optional<boost::json::value>& body = std::nullopt);
  // Any GET, for `connect --realm`, which plays the browser, and `doctor`; redirects are not followed.
  [[nodiscard]] Result<HttpResponse> fetch(const std::string& url, Headers headers = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evergrant
