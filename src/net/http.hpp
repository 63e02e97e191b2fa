// HTTP as values: what a handler gets and gives, and what the transport to providers sends and reads. No I/O here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task.hpp"

namespace evergrant {

// Header fields in order; names compare without case. Values may be credentials: they are wiped when they go.
class Headers {
 public:
  Headers() = default;
  Headers(const Headers&) = default;
  Headers(Headers&&) noexcept = default;
  Headers& operator=(const Headers& other);
  Headers& operator=(Headers&& other) noexcept;
  ~Headers();

  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  void set(std::string_view name, std::string value);  // replaces all of that name
  void reserve(std::size_t fields) { fields_.reserve(fields); }
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;  // the first of that name
  [[nodiscard]] std::size_t count(std::string_view name) const;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const noexcept { return fields_; }

 private:
  void wipe_all() noexcept;
  std::vector<std::pair<std::string, std::string>> fields_;
};

// Who is at the other end of a unix socket, by the kernel's word (SO_PEERCRED), when it connected.
struct LocalPeer {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int32_t pid = 0;
};

struct HttpRequest {  // to a handler of ours
  std::string method;
  std::string path;   // raw, still percent-encoded, without query
  std::string query;  // raw, without '?'
  Headers headers;
  std::string body;
  std::string remote;                        // address of the peer; from a trusted proxy, of its client
  bool secure = false;                       // TLS here, or at a trusted proxy
  std::optional<LocalPeer> local_peer = {};  // nothing over TCP, and where a trusted proxy speaks for others
};

struct HttpResponse {  // from a handler of ours, or from a provider
  int status = 200;    // 0, from a handler: the server closes the connection without answering (the sandbox's faults)
  Headers headers;
  std::string body;
};

class AnswerRoom;     // net/answer_room.hpp
class HttpExchange;   // net/http_exchange.hpp
struct QuickRequest;  // net/quick_request.hpp
struct QuickPeer {    // who asks it
  std::string_view remote;
  const LocalPeer* local = nullptr;
};

// Serves one request. Called on a serving thread, whose executor the task inherits; an exception becomes a 500.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual Task<HttpResponse> handle(HttpRequest request) = 0;
  // Answers a plain request without waiting, or says no and leaves the room empty: then `handle` gets it.
  virtual bool answer_now(const QuickRequest& request, const QuickPeer& peer, AnswerRoom& room);
  // Whether this request is served by `stream`, piece by piece and without a limit on its body. Asked when the request line
  // has come.
  [[nodiscard]] virtual bool streams(std::string_view method, std::string_view path) const noexcept;
  // `head` has no body. Ends with the exchange's `end` or `answer`; without, the connection breaks. An exception before the
  // answer has begun becomes a 500.
  virtual Task<void> stream(HttpRequest head, HttpExchange& exchange);
};

enum class AddressRule : std::uint8_t {
  configured,  // the URL comes from a profile or the configuration: any address, https unless loopback is allowed
  remote,      // the URL was supplied by a document: no private, loopback or link-local address (META-09)
};

struct OutboundRequest {
  std::string method = "GET";
  std::string url;
  Headers headers;
  std::string body;  // holds credentials: wiped by the transport after sending
  Duration connect_timeout{std::chrono::seconds{5}};
  Duration timeout{std::chrono::seconds{30}};  // for the whole exchange
  std::size_t max_body = 1U << 20U;            // a longer answer is an error (TOK-14)
  AddressRule address_rule = AddressRule::configured;
  bool allow_loopback_http = false;
};

// The seam to providers. Redirects are never followed (TOK-05); certificates and host names are always checked.
// Errors: `provider_unavailable` when nothing was sent (resolve, connect, TLS: the provider cannot have acted),
// `ambiguous` when the request or a part of it was sent and no complete answer was read, `invalid_argument` for a URL
// that the address guard refuses. Thread-safe.
class HttpTransport {
 public:
  virtual ~HttpTransport() = default;
  virtual Task<Result<HttpResponse>> send(OutboundRequest request) = 0;
};

}  // namespace evergrant
