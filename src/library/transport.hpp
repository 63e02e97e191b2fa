// An application's transport as the engine knows one. Thread-safe as the application's is.
#pragma once

#include <memory>

#include "evergrant/http_transport.hpp"
#include "net/http.hpp"

namespace evergrant::library {

class ForeignTransport final : public evergrant::HttpTransport {
 public:
  explicit ForeignTransport(library::HttpTransport& theirs) : theirs_{theirs} {}
  Task<Result<HttpResponse>> send(OutboundRequest request) override;

 private:
  library::HttpTransport& theirs_;
};

}  // namespace evergrant::library
