// One outbound exchange as a libcurl easy handle: its options, its callbacks, and what its end means.
// Used on the client's thread only, but for its construction. Internal to net/: it shows libcurl.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

#include "net/http.hpp"
#include "net/http_client.hpp"

namespace evergrant {

// What is known of an exchange that failed.
struct FailedTransfer {
  CURLcode code = CURLE_OK;
  std::string host;
  std::string text;              // libcurl's own words
  bool sent = false;             // the request, or a part of it
  bool address_refused = false;  // by the address guard, and no other address was left to try
  bool too_long = false;         // the answer passed the limit
};

// Pure: the error codes of HttpTransport's contract, in words that hold no credentials.
[[nodiscard]] Error judge(const FailedTransfer& failed);
// Without what a URL may hold in confidence: user information and query.
[[nodiscard]] std::string without_url_secrets(std::string_view text);

class CurlTransfer {
 public:
  using Answer = Completion<Result<HttpResponse>>;
  CurlTransfer(OutboundRequest request, Answer answer, const ClientOptions& options);
  ~CurlTransfer();
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  // Sets every option. Error: invalid_argument for a request that cannot be sent as it is, internal.
  [[nodiscard]] Result<> prepare();
  [[nodiscard]] CURL* easy() const noexcept { return easy_.get(); }
  // The exchange is over, well or badly: hands the outcome to the awaiter.
  void finish(CURLcode code);
  void refuse(Error error);

 private:
  struct EasyEnd {
    void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
  };
  struct ListEnd {
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
  };
  template <class Value>
  void set(CURLoption option, Value value);
  using List = std::unique_ptr<curl_slist, ListEnd>;
  Result<> add_headers();
  Result<> add_pinned_addresses();
  static bool append(List& list, const std::string& line);
  void set_destination();
  void set_security();
  void set_method();
  void set_limits();
  void set_callbacks();
  [[nodiscard]] bool may_be_repeated() const;
  [[nodiscard]] bool was_sent() const;
  [[nodiscard]] bool is_plain_http() const { return request_.url.starts_with("http:"); }
  [[nodiscard]] bool is_led_elsewhere() const;

  static std::size_t on_write(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static curl_socket_t on_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int on_request(void* self, char* peer, char* local, int peer_port, int local_port);
  static CURLcode on_tls(CURL* easy, void* context, void* self);
  void take_header(std::string_view line);

  OutboundRequest request_;
  Answer answer_;
  const ClientOptions& options_;
  std::string host_;
  std::unique_ptr<CURL, EasyEnd> easy_;
  List headers_;
  List pinned_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  HttpResponse response_;
  std::size_t header_bytes_ = 0;  // of the answer
  bool setup_ok_ = true;
  bool header_complete_ = false;
  bool request_begun_ = false;
  bool address_refused_ = false;
  bool too_long_ = false;
};

}  // namespace evergrant
