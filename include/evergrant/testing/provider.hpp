// The provider of a bench: an authorization server and a small accounting API that behave as QuickBooks Online is known to,
// and misbehave on demand. It listens on loopback for your application; evergrant reaches it in the same process.
//
// Thread-safe. Every call blocks until it is carried out, and throws BenchError where it cannot be. Faults wait in the order
// in which they were made; the first that applies to a request is used. What is not said here is in docs/sandbox.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace evergrant::testing {

struct BenchParts;

// Which requests a fault is for.
enum class Endpoint {
  refresh,   // token requests that refresh: what most tests mean
  code,      // token requests that exchange an authorization code: while connecting
  revoke,    // the revocation endpoint
  api,       // the accounting API, which your application calls
  metadata,  // what the provider says of itself
  any,
};

// How the refresh token changes when it is used.
enum class Rotation {
  never,              // always the same
  sometimes,          // after a day, at the next use: the value before is dead at once (QuickBooks)
  always_with_grace,  // each time; the value before works for half an hour more
  always_strict,      // each time; a value that is used twice ends the grant
};

// What is wrong with an answer that was garbled.
enum class Garbled { malformed_json, truncated_json, empty_body, numbers_as_strings };

// The provider's own truth about one grant, to compare evergrant's with.
struct Grant {
  std::string id;
  bool alive = false;
  std::string ended_by;           // revoked, provider, reuse, idle, absolute_end, code_replay; empty while it lives
  int refresh_requests = 0;       // that arrived, whatever became of them
  int refreshes = 0;              // of these, answered with tokens (the answer may have been lost)
  int refresh_tokens_issued = 0;  // values, the first one included
  int superseded_presented = 0;   // times an old refresh token came again: what a strict provider takes for theft
  int most_in_flight = 0;         // token requests for this grant at one moment
};

// A request as the provider saw it: never a token, a code or a secret.
struct SeenRequest {
  std::string method, path, endpoint, grant_type, realm;
  std::string outcome;  // answered, dropped_before (not processed), dropped_after (processed, answer lost), refused
  int status = 0;       // 0: no answer
};

class BenchProvider {
 public:
  using Duration = std::chrono::milliseconds;

  explicit BenchProvider(BenchParts& parts) : parts_{parts} {}
  BenchProvider(const BenchProvider&) = delete;
  BenchProvider& operator=(const BenchProvider&) = delete;

  // Where your application calls the accounting API: http://127.0.0.1:PORT, and below it /v3/company/{realm}/…
  [[nodiscard]] std::string url() const;

  // Faults; `times`: so many requests, then it behaves again. -----------------------------------------------------------
  // The request is processed (a refresh token has rotated), and the answer never arrives.
  void lose_next_answer(int times = 1, Endpoint endpoint = Endpoint::refresh);
  // The connection breaks before the request is processed. evergrant cannot tell this from a lost answer.
  void lose_next_request(int times = 1, Endpoint endpoint = Endpoint::refresh);
  // Nobody listens. Certain not to have been processed.
  void be_unreachable(Endpoint endpoint = Endpoint::any);
  // From now on requests are taken and neither processed nor answered; after an hour the connection breaks.
  void hang(Endpoint endpoint = Endpoint::refresh);
  // From now on answers come so much later (at most an hour); the request itself is processed at once.
  void delay(Duration by, Endpoint endpoint = Endpoint::refresh);
  // This is answered instead, and nothing processed: 503, 429 …; `retry_after` in whole seconds.
  void answer_next(int status, std::string_view body = {}, int times = 1, Endpoint endpoint = Endpoint::refresh,
                   std::optional<std::chrono::seconds> retry_after = std::nullopt);
  // The request is processed and its answer spoilt.
  void garble_next(Garbled how, int times = 1, Endpoint endpoint = Endpoint::refresh);
  // Any fault of docs/sandbox.md, as its JSON says it. Throws BenchError naming a member that is none.
  void inject(std::string_view fault_json);
  // No fault any more. Requests that already hang go on hanging.
  void behave();

  // The provider's own doing --------------------------------------------------------------------------------------------
  // The customer, or the provider, ends the grant of this connection: its tokens are dead.
  void revoke(std::string_view connection);
  // The access token is dead now, whatever was said of its life: the API answers 401.
  void expire_access_token(std::string_view connection);
  // The refresh token is dead now, the grant is not: the next refresh is refused.
  void expire_refresh_token(std::string_view connection);
  // From now on it rotates like this; evergrant goes on believing BenchOptions::rotation.
  void rotate_like(Rotation rotation);
  // A new signing key; the old ones stay published where `keep_old`.
  void rotate_keys(bool keep_old = true);
  // Settings of docs/sandbox.md as JSON, such as {"access_lifetime": 600}. Throws BenchError, and then changes none.
  void settings(std::string_view settings_json);

  // What it saw ---------------------------------------------------------------------------------------------------------
  // The latest grant of a connection's realm. Throws BenchError where there is none.
  [[nodiscard]] Grant grant(std::string_view connection) const;
  // Short for grant(connection).refresh_requests.
  [[nodiscard]] int refresh_requests(std::string_view connection) const;
  // Blocks until so many refresh requests of the connection have arrived, those that hang included, for at most `at_most` of
  // real time; then throws BenchError. For tests with threads.
  void wait_for_refresh_requests(std::string_view connection, int count,
                                 std::chrono::seconds at_most = std::chrono::seconds{30}) const;
  // Requests that are over, oldest first, the last two thousand; without the control API.
  [[nodiscard]] std::vector<SeenRequest> requests() const;

 private:
  BenchParts& parts_;
};

}  // namespace evergrant::testing
