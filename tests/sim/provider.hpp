// An authorization server that knows the truth: every family of tokens, what it minted and when, what is superseded and
// since when, whether the grant lives and if not, why. It never misbehaves; the network in front of it does (transport.hpp).
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/provider.hpp"
#include "net/http.hpp"
#include "sim/world.hpp"

namespace evergrant::sim {

// How it deals with refresh tokens.
struct Habits {
  Rotation rotation = Rotation::always_with_grace;
  Duration grace = std::chrono::minutes{30};
  bool reuse_kills = true;             // a superseded token beyond its grace ends the family (else it is only refused)
  bool replay_gives_same = false;      // a replay gives the current refresh token, not one more
  bool kills_old_access = false;       // a refresh ends the access tokens before it (REF-16)
  bool revokes_by_superseded = false;  // the revocation endpoint knows superseded tokens
  double rotates = 0.3;                // share of refreshes that rotate, for `sometimes`
  Duration lifetime = std::chrono::minutes{10};
};

struct Mint {
  std::string access;
  std::string refresh;  // what was current after it
  Duration at{0};
  Duration expires{0};
  bool rotated = false;
  std::string reader;                    // the process that has read the answer
  std::optional<Duration> kept;          // since when the store has it
  bool keep_refused = false;             // the engine knows that the store refused it
  bool escrow_begun = false;             // and has begun to write it to its escrow
  std::vector<std::string> escrowed_by;  // the processes in whose escrow it was
  bool revoked = false;                  // the access token
};

struct Family {
  std::string connection;  // of ours
  int number = 0;          // of the connection's grants
  bool alive = true;
  std::string end;  // why it ended
  Duration ended{0};
  Duration doomed{0};                // when what ended it was sent: nothing that was kept since could stop that
  std::optional<Duration> given_up;  // since when the connection is reauth_required
  bool flapped = false;              // the network said invalid_grant once though it lived
  bool jumped = false;               // a clock jumped while a request of it was under way
  bool stored = false;               // the connection had it, or has it
  std::string refresh;
  std::map<std::string, Duration> superseded;  // since when
  std::vector<Mint> mints;

  [[nodiscard]] std::string name() const { return connection + '/' + std::to_string(number); }
  [[nodiscard]] bool has_live_token(Duration now) const;
};

class SimProvider {
 public:
  SimProvider(World& world, Habits habits) : habits{habits}, world_{world} {}

  Habits habits;

  // The customer consents: a new family and its first pair.
  Family& grant(const std::string& connection);
  // The customer disconnects us at the provider.
  void end(Family& family, std::string why, Duration under_way = {});

  // `under_way`: how long ago it was sent.
  HttpResponse token(const std::string& body, Duration under_way);
  HttpResponse revoke(const std::string& body);

  [[nodiscard]] Family* family_of(const std::string& token);
  [[nodiscard]] Mint* mint_of(const std::string& access_token);
  [[nodiscard]] bool accepts(const std::string& access_token);
  [[nodiscard]] std::deque<Family>& families() noexcept { return families_; }
  // Whether this refresh token would be honoured now.
  [[nodiscard]] bool honours(const Family& family, const std::string& refresh) const;
  static std::string sent_token(const std::string& body, const char* parameter);

 private:
  const Mint& mint(Family& family, bool rotate);
  HttpResponse answer(const Mint& mint) const;

  World& world_;
  std::deque<Family> families_;  // their addresses stay
  std::unordered_map<std::string, Family*> by_token_;
  std::unordered_map<std::string, std::pair<Family*, std::size_t>> by_access_;
  std::unordered_map<std::string, int> grants_;
};

[[nodiscard]] HttpResponse json_answer(int status, std::string body);

}  // namespace evergrant::sim
