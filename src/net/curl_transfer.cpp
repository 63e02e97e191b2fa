#include "net/curl_transfer.hpp"

#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "base/encoding.hpp"
#include "base/secret.hpp"
#include "net/address_guard.hpp"
#include "net/wiping.hpp"

namespace evergrant {
namespace {

constexpr std::size_t largest_header = 64U << 10U;
// Most servers keep an idle connection for five seconds or more. Reusing it only while it is younger makes it rare that a
// request is sent into a connection that the other end is just closing.
constexpr long longest_idle_seconds = 4;
constexpr long receive_buffer = 8L << 10U;
constexpr long send_buffer = 16L << 10U;  // the least that libcurl takes; for long bodies only
constexpr int least_security_level = 2;   // OpenSSL's: no RSA below 2048 bits, no certificate signed with SHA-1

bool is_clean(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; });
}

std::string host_of(const std::string& url) {
  const auto parsed = boost::urls::parse_uri(url);
  return parsed ? std::string{std::string_view{parsed->encoded_host()}} : std::string{};
}

CurlTransfer& self_of(void* self) { return *static_cast<CurlTransfer*>(self); }

}  // namespace

CurlTransfer::CurlTransfer(OutboundRequest request, Answer answer, const ClientOptions& options)
    : request_{std::move(request)}, answer_{std::move(answer)}, options_{options}, host_{host_of(request_.url)} {}

CurlTransfer::~CurlTransfer() {
  wipe(request_.body);
  wipe(request_.url);
  wipe(response_.body);
}

template <class Value>
void CurlTransfer::set(CURLoption option, Value value) {
  if (curl_easy_setopt(easy_.get(), option, value) != CURLE_OK) setup_ok_ = false;
}

Result<> CurlTransfer::prepare() {
  easy_.reset(curl_easy_init());
  if (!easy_) return fail(Errc::internal, "libcurl gives no handle");
  set_destination();
  set_security();
  set_method();
  set_limits();
  set_callbacks();
  if (auto added = add_headers(); !added) return added;
  if (auto added = add_pinned_addresses(); !added) return added;
  if (!options_.unix_socket.empty()) set(CURLOPT_UNIX_SOCKET_PATH, options_.unix_socket.c_str());
  if (!setup_ok_) return fail(Errc::internal, "libcurl refuses an option", "install libcurl 7.86 or newer with OpenSSL");
  return {};
}

void CurlTransfer::set_destination() {
  set(CURLOPT_URL, request_.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, is_plain_http() ? "http" : "https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, options_.proxy.c_str());  // empty: none, the environment's neither
  if (request_.allow_loopback_http && is_loopback_host(host_)) set(CURLOPT_NOPROXY, "*");
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  // One request per connection at a time: when a connection is lost, one outcome is ambiguous and not many.
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
}

void CurlTransfer::set_security() {
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options_.ca_file.empty()) {
    set(CURLOPT_CAINFO, options_.ca_file.c_str());
    set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));  // that authority and no other
  }
  set(CURLOPT_SSL_CTX_FUNCTION, &CurlTransfer::on_tls);
}

bool CurlTransfer::may_be_repeated() const { return request_.method == "GET" || request_.method == "HEAD"; }

void CurlTransfer::set_method() {
  const bool has_body =
      !request_.body.empty() || request_.method == "POST" || request_.method == "PUT" || request_.method == "PATCH";
  if (has_body) {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    set(CURLOPT_POSTFIELDS, request_.body.c_str());  // not copied; a short one goes out in one packet with the header
  } else if (request_.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  }
  const bool plain = request_.method == (has_body ? "POST" : "GET") || request_.method == "HEAD";
  if (!plain) set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  // What changes something gets a connection of its own, before and after. On a shared one a second copy of an answer, or
  // what a gateway says to an idle connection, would be taken for the answer to the next request: a refresh would then
  // keep the tokens of the one before, and the rotated ones would be lost. And libcurl sends a request again when a reused
  // connection dies before it answers, though the server may have acted on it; on a new one it never does.
  if (may_be_repeated()) return;
  set(CURLOPT_FRESH_CONNECT, 1L);
  set(CURLOPT_FORBID_REUSE, 1L);
}

void CurlTransfer::set_limits() {
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request_.connect_timeout.count()));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(request_.timeout.count()));
  set(CURLOPT_MAXAGE_CONN, longest_idle_seconds);
  if (may_be_repeated()) set(CURLOPT_TCP_KEEPALIVE, 1L);  // others do not outlive their answer
  // A transfer's own buffers, made and wiped for each: answers are short, and libcurl's 16 and 64 KiB cost more than the
  // rest.
  set(CURLOPT_BUFFERSIZE, receive_buffer);
  set(CURLOPT_UPLOAD_BUFFERSIZE, send_buffer);
  set(CURLOPT_ACCEPT_ENCODING, "gzip");  // the limit on the body counts what comes out
  set(CURLOPT_USERAGENT, options_.user_agent.c_str());
}

void CurlTransfer::set_callbacks() {
  set(CURLOPT_PRIVATE, this);
  set(CURLOPT_ERRORBUFFER, error_text_.data());
  set(CURLOPT_WRITEFUNCTION, &CurlTransfer::on_write);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_HEADERFUNCTION, &CurlTransfer::on_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_OPENSOCKETFUNCTION, &CurlTransfer::on_socket);
  set(CURLOPT_OPENSOCKETDATA, this);
  set(CURLOPT_PREREQFUNCTION, &CurlTransfer::on_request);
  set(CURLOPT_PREREQDATA, this);
}

bool CurlTransfer::append(List& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) return false;
  static_cast<void>(list.release());
  list.reset(longer);
  return true;
}

Result<> CurlTransfer::add_pinned_addresses() {
  for (const auto& pin : options_.pinned_addresses) {
    if (!append(pinned_, pin)) return fail(Errc::internal, "libcurl has no memory for an address");
  }
  if (pinned_) set(CURLOPT_RESOLVE, pinned_.get());
  return {};
}

Result<> CurlTransfer::add_headers() {
  for (const auto& [name, value] : request_.headers.all()) {
    const bool framing = equal_ignoring_case(name, "Content-Length") || equal_ignoring_case(name, "Transfer-Encoding");
    if (name.empty() || name.find_first_of(":; \t") != std::string::npos || !is_clean(name) || !is_clean(value) || framing) {
      return fail(Errc::invalid_argument, "the header \"" + printable(name) + "\" cannot be sent to " + printable(host_),
                  "its name must be a token, its value without line breaks, and the length is set by the client");
    }
    std::string line = value.empty() ? name + ";" : name + ": " + value;  // the semicolon sends an empty value
    const bool added = append(headers_, line);
    wipe(line);
    if (!added) return fail(Errc::internal, "libcurl has no memory for a header");
  }
  // What libcurl would add by itself: a content type that nobody chose, and a wait for 100 Continue.
  bool added = append(headers_, "Expect:");
  if (!request_.headers.find("Content-Type")) added = added && append(headers_, "Content-Type:");
  if (!added) return fail(Errc::internal, "libcurl has no memory for a header");
  set(CURLOPT_HTTPHEADER, headers_.get());
  return {};
}

std::size_t CurlTransfer::on_write(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = self_of(self);
  const std::size_t bytes = size * count;
  if (transfer.response_.body.size() + bytes > transfer.request_.max_body) {
    transfer.too_long_ = true;
    return CURL_WRITEFUNC_ERROR;
  }
  append_wiping(transfer.response_.body, {data, bytes});
  return bytes;
}

std::size_t CurlTransfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = self_of(self);
  const std::size_t bytes = size * count;
  transfer.header_bytes_ += bytes;
  if (transfer.header_bytes_ > largest_header) {
    transfer.too_long_ = true;
    return CURL_WRITEFUNC_ERROR;
  }
  transfer.take_header({data, bytes});
  return bytes;
}

void CurlTransfer::take_header(std::string_view line) {
  if (line.starts_with("HTTP/")) {
    response_.headers = Headers{};  // an interim answer came before this one
    header_complete_ = false;
    return;
  }
  if (trim(line).empty()) header_complete_ = true;
  const auto colon = line.find(':');
  if (!response_.body.empty() || colon == std::string_view::npos) return;  // a trailer, or no header at all
  response_.headers.add(std::string{trim(line.substr(0, colon))}, std::string{trim(line.substr(colon + 1))});
}

// A configured proxy resolves and connects for us, and guards its own network; its address, like the path of a Unix socket,
// is the operator's choice.
bool CurlTransfer::is_led_elsewhere() const {
  return !options_.unix_socket.empty() || (!options_.proxy.empty() && !is_plain_http());
}

curl_socket_t CurlTransfer::on_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto& transfer = self_of(self);
  const auto peer = IpAddress::from(address->addr);
  if (!transfer.is_led_elsewhere() &&
      (!peer || !may_connect(*peer, transfer.request_.address_rule, transfer.is_plain_http()))) {
    transfer.address_refused_ = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// The connection stands, new or reused, and the request is about to go out.
int CurlTransfer::on_request(void* self, char* peer, char*, int, int) {
  auto& transfer = self_of(self);
  const auto address = peer == nullptr ? std::nullopt : IpAddress::parse(peer);
  if (!transfer.is_led_elsewhere() &&
      (!address || !may_connect(*address, transfer.request_.address_rule, transfer.is_plain_http()))) {
    transfer.address_refused_ = true;
    return CURL_PREREQFUNC_ABORT;
  }
  // libcurl would send it a second time: set_method leaves it no occasion to, and this is the second lock on that door. A
  // refresh token is not sent twice.
  if (transfer.request_begun_ && !transfer.may_be_repeated()) return CURL_PREREQFUNC_ABORT;
  transfer.request_begun_ = true;
  return CURL_PREREQFUNC_OK;
}

CURLcode CurlTransfer::on_tls(CURL*, void* context, void*) {
  auto* ctx = static_cast<SSL_CTX*>(context);
  SSL_CTX_set_options(ctx, SSL_OP_CLEANSE_PLAINTEXT);
  // The system's openssl.cnf may ask for more, not for less.
  if (SSL_CTX_get_security_level(ctx) < least_security_level) SSL_CTX_set_security_level(ctx, least_security_level);
  return CURLE_OK;
}

// The connection stood, and libcurl was about to write. What it has written it counts only where the first write took any.
bool CurlTransfer::was_sent() const { return request_begun_; }

void CurlTransfer::finish(CURLcode code) {
  // libcurl is content with a connection that ends within the header.
  if (code == CURLE_OK && !header_complete_) code = CURLE_GOT_NOTHING;
  if (code == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
    answer_.set(std::move(response_));
    return;
  }
  answer_.set(
      std::unexpected(judge({code, host_, error_text_.data(), was_sent(), address_refused_ && !request_begun_, too_long_})));
}

void CurlTransfer::refuse(Error error) { answer_.set(std::unexpected(std::move(error))); }

}  // namespace evergrant
