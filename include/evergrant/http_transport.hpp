// The seam to providers: whoever brings a transport of its own decides how their endpoints are reached. Without one, libcurl
// is used, with checked certificates, no redirects and no proxy.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "evergrant/clock.hpp"
#include "evergrant/error.hpp"
#include "evergrant/inline_namespace.hpp"

namespace evergrant {
EVERGRANT_INLINE namespace library {
  using HeaderFields = std::vector<std::pair<std::string, std::string>>;

  struct HttpCall {
    std::string method, url;
    HeaderFields headers;
    std::string body;                            // holds credentials: wipe it once it is sent
    Duration timeout{std::chrono::seconds{30}};  // for the whole exchange
    std::size_t max_body = 1U << 20U;            // a longer answer is an error: `provider_unavailable`
  };

  struct HttpAnswer {
    int status = 0;
    HeaderFields headers;
    std::string body;  // may hold tokens
  };

  class HttpTransport {
   public:
    using Done = std::move_only_function<void(Result<HttpAnswer>)>;
    virtual ~HttpTransport() = default;
    // Sends `call` and calls `done` once, on any thread, also from within `send`; no later than `call.timeout`. Redirects
    // are not followed (RFC 6749 10.6, RFC 9700 4.11). Called on the engine's thread: it must not block. Errors:
    // `provider_unavailable` where nothing was sent, so that the provider cannot have acted; `ambiguous` where the request
    // or a part of it was sent and no complete answer was read. The difference decides what becomes of a refresh.
    virtual void send(HttpCall call, Done done) = 0;
  };

}  // namespace library
}  // namespace evergrant
