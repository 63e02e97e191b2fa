// An application that embeds the engine: its own clock and its own way to a provider, which is the sandbox in this process.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/encoding.hpp"
#include "base/task.hpp"
#include "evergrant/token_manager.hpp"
#include "sandbox/sandbox.hpp"

namespace evergrant::inline library {

class MovableClock final : public Clock {
 public:
  [[nodiscard]] Time now() const override { return Time{Duration{ms_.load()}}; }
  void advance(Duration by) { ms_ += by.count(); }

 private:
  std::atomic<std::int64_t> ms_ = 1'790'000'000'000;
};

// The clock lives longer than a manager.
class LentClock final : public Clock {
 public:
  explicit LentClock(const Clock& clock) : clock_{clock} {}
  [[nodiscard]] Time now() const override { return clock_.now(); }

 private:
  const Clock& clock_;
};

struct ProviderLink {
  std::shared_ptr<Sandbox> sandbox;
  std::atomic<int> token_requests = 0;
  std::atomic<bool> silent = false;  // takes requests and answers none
  std::mutex mutex;
  std::condition_variable taken;
  std::vector<HttpTransport::Done> unanswered;

  void wait_for_unanswered() {
    std::unique_lock lock{mutex};
    taken.wait(lock, [this] { return !unanswered.empty(); });
  }

  HttpAnswer ask(HttpCall call) {
    const auto path_at = call.url.find('/', call.url.find("//") + 2);
    const auto query_at = std::min(call.url.find('?'), call.url.size());
    HttpRequest request;
    request.method = call.method;
    request.path = call.url.substr(path_at, query_at - path_at);
    request.query = query_at < call.url.size() ? call.url.substr(query_at + 1) : std::string{};
    for (auto& [name, value] : call.headers) request.headers.add(name, value);
    request.body = std::move(call.body);
    RunLoop loop;
    HttpAnswer answer;
    spawn(loop, [](Sandbox& provider, HttpRequest inner, HttpAnswer& to, RunLoop& ends) -> Task<void> {
      auto response = co_await provider.handle(std::move(inner));
      to.status = response.status;
      to.body = std::move(response.body);
      for (const auto& [name, value] : response.headers.all()) to.headers.emplace_back(name, value);
      ends.stop();
    }(*sandbox, std::move(request), answer, loop));
    loop.run();
    return answer;
  }
};

class SandboxTransport final : public library::HttpTransport {
 public:
  explicit SandboxTransport(std::shared_ptr<ProviderLink> link) : link_{std::move(link)} {}
  void send(HttpCall call, Done done) override {
    if (call.url.ends_with("/token")) ++link_->token_requests;
    if (link_->silent) {
      const std::lock_guard lock{link_->mutex};
      link_->unanswered.push_back(std::move(done));
      link_->taken.notify_all();
      return;
    }
    done(link_->ask(std::move(call)));
  }

 private:
  std::shared_ptr<ProviderLink> link_;
};

// A thread that the application lends to a manager.
class LentThread {
 public:
  explicit LentThread(TokenManager& to) : to_{to}, thread_{[&to] { EXPECT_TRUE(to.run()); }} {}
  LentThread(const LentThread&) = delete;
  LentThread& operator=(const LentThread&) = delete;
  ~LentThread() { take_back(); }
  [[nodiscard]] std::thread::id id() const { return id_; }
  void take_back() {
    to_.stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  TokenManager& to_;
  std::thread thread_;
  const std::thread::id id_ = thread_.get_id();
};

class EmbeddingApplication : public ::testing::Test {
 protected:
  EmbeddingApplication() {
    SandboxOptions provider;
    provider.settings.auto_consent_by_hint = true;
    link->sandbox = std::make_shared<Sandbox>(provider, clock, random, *log);
    std::string name = std::filesystem::temp_directory_path() / "evergrant-library-XXXXXX";
    folder = ::mkdtemp(name.data());
  }
  ~EmbeddingApplication() override { std::filesystem::remove_all(folder); }

  [[nodiscard]] static Options options(Threads threads = Threads::own) {
    Options made;
    made.public_url = "http://127.0.0.1:8000";
    made.profiles = {std::filesystem::path{EVERGRANT_SOURCE_DIR} / "providers"};
    made.threads = threads;
    made.store_is_shared = false;
    RegistrationOptions& books = made.registrations.emplace_back();
    books.id = "books";
    books.provider = "sandbox";
    books.client_id = "sandbox-client";
    books.client_secret = Secret{"sandbox-secret"};
    return made;
  }
  [[nodiscard]] Seams seams(const std::string& file = "grants.db", Threads threads = Threads::own) {
    Seams made;
    auto store = open_sqlite_store({.path = folder / file, .threads = threads});
    if (!store) throw std::runtime_error(store.error().message);
    made.store = std::move(*store);
    made.kek = std::move(*kek_from_text(Secret{kek}));
    made.http = std::make_unique<SandboxTransport>(link);
    made.clock = std::make_unique<LentClock>(clock);
    return made;
  }
  [[nodiscard]] std::unique_ptr<TokenManager> manager(Options with, Seams on) {
    auto made = TokenManager::make(std::move(with), std::move(on));
    if (!made) throw std::runtime_error(made.error().message + " " + made.error().hint);
    return std::move(*made);
  }

  // The customer's browser at the provider; the callback's query.
  std::string consent(std::string_view url) {
    const auto answer = link->ask({.method = "GET", .url = std::string{url}, .headers = {}, .body = {}});
    for (const auto& [name, value] : answer.headers) {
      if (equal_ignoring_case(name, "Location")) return value.substr(value.find('?') + 1);
    }
    throw std::runtime_error("the provider sends the browser nowhere: " + std::to_string(answer.status) + answer.body);
  }
  std::string connect(TokenManager& with, const std::string& account, const std::string& tenant = "acme") {
    auto start = with.connect({.registration = "books",
                               .tenant = tenant,
                               .return_to = {},
                               .scopes = {},
                               .login_hint = "realm:" + account,
                               .reconnect = {}})
                     .wait();
    if (!start) throw std::runtime_error(start.error().message);
    auto outcome = with.finish_connect("books", consent(start->url.reveal()), std::move(start->cookie)).wait();
    if (!outcome) throw std::runtime_error(outcome.error().message);
    return outcome->connection;
  }
  // The token, or the name of the error.
  static std::string text(const Result<TokenLease>& lease) {
    return lease ? std::string{lease->reveal()} : std::string{to_string(lease.error().code)};
  }
  static std::size_t threads_of_this_process() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator{"/proc/self/task"}) ++count;
    return count;
  }

  static constexpr const char* realm = "4620816365000000001";
  const std::string kek = std::string(64, 'a');
  MovableClock clock;
  SystemRandom random;
  std::unique_ptr<Log> log = Log::silent();
  std::shared_ptr<ProviderLink> link = std::make_shared<ProviderLink>();
  std::filesystem::path folder;
};

}  // namespace evergrant::inline library
