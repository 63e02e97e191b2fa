// Asks a server for the token of a connection a thousand times, and says how often the server was needed: once.
//
//   EVERGRANT_API_KEY=… token_client https://tokens.example.com con_…
#include <evergrant/remote_tokens.hpp>

#include <cstdlib>
#include <iostream>
#include <latch>
#include <string>

namespace {

using evergrant::RemoteTokens;

// The application's own kind of coroutine; evergrant's answers can be awaited in any.
struct Fire {
  struct promise_type {
    Fire get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

int failed(const evergrant::Error& error) {
  std::cerr << to_string(error.code) << ": " << error.message << '\n' << error.hint << '\n';
  return 1;
}

// The API answered 401: one new token for whoever reports the old one.
Fire after_401(RemoteTokens& tokens, const evergrant::TokenLease& refused, std::latch& done) {
  const auto fresh = co_await tokens.invalidate(refused);
  if (fresh) {
    std::cout << "after a 401: token number " << fresh->generation() << '\n';
  } else {
    failed(fresh.error());
  }
  done.count_down();
}

}  // namespace

int main(int argc, char** argv) {
  const char* key = std::getenv("EVERGRANT_API_KEY");
  if (argc != 3 || key == nullptr) {
    std::cerr << "EVERGRANT_API_KEY=… token_client URL CONNECTION\n";
    return 2;
  }
  auto made = RemoteTokens::make({.url = argv[1], .api_key = evergrant::Secret{key}, .threads = evergrant::Threads::own});
  if (!made) return failed(made.error());
  RemoteTokens& tokens = **made;

  int asked = 0;
  for (int i = 0; i < 1000; ++i) {
    auto answer = tokens.get({.connection = argv[2]});
    if (!answer.is_ready()) ++asked;
    const auto lease = answer.wait();
    if (!lease) return failed(lease.error());
    if (i == 0) std::cout << "account " << lease->realm() << ", token number " << lease->generation() << '\n';
  }
  std::cout << "a thousand leases, the server was asked " << asked << " time(s)\n";

  const auto lease = tokens.get({.connection = argv[2]}).wait();
  if (!lease) return failed(lease.error());
  std::latch done{1};
  after_401(tokens, *lease, done);
  done.wait();
}
