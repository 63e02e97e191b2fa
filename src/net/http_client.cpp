#include "net/http_client.hpp"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <pthread.h>

#include <csignal>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/encoding.hpp"
#include "base/thread_name.hpp"
#include "net/address_guard.hpp"
#include "net/curl_memory.hpp"
#include "net/curl_transfer.hpp"

namespace evergrant {
namespace {

constexpr int longest_poll_ms = 1000;

Error client_stopped() {
  return {Errc::provider_unavailable, "the HTTP client is stopped", "nothing was sent; the server is shutting down"};
}

Result<> check_ca_file(const std::string& file) {
  if (file.empty()) return {};
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_client_method()), &SSL_CTX_free};
  if (context && SSL_CTX_load_verify_locations(context.get(), file.c_str(), nullptr) == 1) return {};
  return fail(Errc::invalid_argument, "the file of certificate authorities \"" + printable(file) + "\" cannot be used",
              "give a readable PEM file with at least one certificate");
}

// OpenSSL writes to sockets without MSG_NOSIGNAL, and with CURLOPT_NOSIGNAL libcurl leaves the signal to us.
void block_broken_pipe_signal() {
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
}

}  // namespace

struct HttpClient::Impl {
  explicit Impl(ClientOptions client_options) : options{std::move(client_options)} {}

  void run();
  void take_queued();
  void begin(std::unique_ptr<CurlTransfer> transfer);
  void collect();
  void abandon_all();

  const ClientOptions options;
  CURLM* multi = nullptr;
  std::thread thread;
  std::mutex mutex;
  std::vector<std::unique_ptr<CurlTransfer>> queued;                // under the mutex
  bool stopping = true;                                             // under the mutex
  std::unordered_map<CURL*, std::unique_ptr<CurlTransfer>> active;  // of the thread
};

HttpClient::HttpClient(ClientOptions options) : impl_{std::make_unique<Impl>(std::move(options))} {}

HttpClient::~HttpClient() {
  if (impl_->multi == nullptr) return;
  stop();
  if (impl_->thread.joinable()) impl_->thread.join();
  curl_multi_cleanup(impl_->multi);
}

void HttpClient::stop() noexcept {
  if (impl_->multi == nullptr) return;
  {
    const std::lock_guard lock{impl_->mutex};
    impl_->stopping = true;
  }
  curl_multi_wakeup(impl_->multi);
}

void HttpClient::run() { impl_->run(); }

Result<> HttpClient::start() {
  if (auto opened = open(); !opened) return opened;
  impl_->thread = std::thread{[impl = impl_.get()] {
    name_this_thread("eg-http-client");
    impl->run();
  }};
  return {};
}

Result<> HttpClient::open() {
  if (auto started = start_curl(); !started) return started;
  if (auto usable = check_ca_file(impl_->options.ca_file); !usable) return usable;
  impl_->multi = curl_multi_init();
  if (impl_->multi == nullptr) return fail(Errc::internal, "libcurl gives no multi handle");
  curl_multi_setopt(impl_->multi, CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(impl_->options.connections_per_host));
  impl_->stopping = false;
  return {};
}

Task<Result<HttpResponse>> HttpClient::send(OutboundRequest request) {
  const auto allowed = check_url(request.url, request.address_rule, request.allow_loopback_http);
  if (!allowed) {
    wipe(request.body);
    co_return std::unexpected(allowed.error());
  }
  CurlTransfer::Answer answer;
  auto transfer = std::make_unique<CurlTransfer>(std::move(request), answer, impl_->options);
  {
    const std::lock_guard lock{impl_->mutex};
    if (impl_->stopping) co_return std::unexpected(client_stopped());
    impl_->queued.push_back(std::move(transfer));
    // Under the lock: after it the destructor may run. Of several that are queued together the first wakes the thread.
    if (impl_->queued.size() == 1) curl_multi_wakeup(impl_->multi);
  }
  auto outcome = co_await answer;
  co_return outcome;
}

void HttpClient::Impl::run() {
  block_broken_pipe_signal();
  while (true) {
    take_queued();
    {
      const std::lock_guard lock{mutex};
      if (stopping) break;
    }
    int running = 0;
    curl_multi_perform(multi, &running);
    collect();
    curl_multi_poll(multi, nullptr, 0, longest_poll_ms, nullptr);
  }
  abandon_all();
}

void HttpClient::Impl::take_queued() {
  std::vector<std::unique_ptr<CurlTransfer>> taken;
  {
    const std::lock_guard lock{mutex};
    taken.swap(queued);
  }
  for (auto& transfer : taken) begin(std::move(transfer));
}

void HttpClient::Impl::begin(std::unique_ptr<CurlTransfer> transfer) {
  if (auto ready = transfer->prepare(); !ready) return transfer->refuse(ready.error());
  CURL* easy = transfer->easy();
  if (curl_multi_add_handle(multi, easy) != CURLM_OK) {
    return transfer->refuse({Errc::internal, "libcurl takes no further transfer", ""});
  }
  active.emplace(easy, std::move(transfer));
}

void HttpClient::Impl::collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* easy = message->easy_handle;
    const CURLcode code = message->data.result;
    curl_multi_remove_handle(multi, easy);
    const auto found = active.find(easy);
    if (found == active.end()) continue;
    found->second->finish(code);
    active.erase(found);
  }
}

// Whoever waits learns whether anything had been sent. Name resolution in progress is not waited for.
void HttpClient::Impl::abandon_all() {
  for (auto& [easy, transfer] : active) {
    transfer->finish(CURLE_ABORTED_BY_CALLBACK);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_multi_remove_handle(multi, easy);
  }
  active.clear();
}

}  // namespace evergrant
