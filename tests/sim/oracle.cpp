// What is watched while the simulation runs. What is judged at its end: verdict.cpp.
#include "sim/oracle.hpp"

#include <algorithm>

#include "sim/weather.hpp"

namespace evergrant::sim {

using namespace std::chrono_literals;

namespace {

constexpr Duration forced_counts_for = 5min;  // a forced refresh may still be under way, or be retried
constexpr int refusals_to_believe = 3;        // one and two confirmations

// Written down again here, so that a fault in the engine's own arithmetic shows.
Duration end_of_life_margin(const Connection& row) {
  if (!row.access_expires_at) return 0ms;
  const Duration life = *row.access_expires_at - row.last_refreshed_at.value_or(row.created_at);
  const Duration advisory = std::min<Duration>(std::max<Duration>(60s, life / 10), life / 2);
  return std::min<Duration>(30s, advisory / 2);
}

std::string text_of(Duration time) { return std::to_string(time.count()) + " ms"; }

}  // namespace

void Oracle::violated(std::string invariant, std::string detail) {
  if (violation_) return;
  world_.note("oracle", invariant + " is violated: " + detail);
  violation_ = Violation{std::move(invariant), std::move(detail)};
  world_.stop();
}

Connection Oracle::row(const std::string& connection) {
  auto row = at_once(raw_.connection(ConnectionId{connection}));
  return row ? std::move(*row) : Connection{};
}

Family* Oracle::family(const std::string& connection) { return watched_[connection].family; }

std::size_t Oracle::sent(const std::string& owner, Time now, const std::string& body) {
  ++counters.sends;
  Flight flight;
  flight.owner = owner;
  flight.refresh = SimProvider::sent_token(body, "refresh_token");
  flight.family = provider_.family_of(flight.refresh);
  flight.began = world_.steady();
  if (flight.family == nullptr) {
    violated("I6", owner + " sends a refresh token that the provider never gave: " + flight.refresh);
    return flights_.size() - 1;
  }
  const Watched& watched = watched_[flight.family->connection];
  const Connection current = row(flight.family->connection);
  check_alone(flight);
  // A grant that was replaced or revoked between claim and send is nobody's any more: nothing can be lost by it.
  if (watched.family == flight.family && current.status == Status::active) {
    check_right_to_send(flight, current, now);
    check_resolution(flight, current, now);
  }
  flight.attempt = watched.attempt.id;
  flight_of_attempt_[flight.attempt.str()] = flights_.size();
  flights_.push_back(std::move(flight));
  return flights_.size() - 1;
}

void Oracle::check_alone(const Flight& flight) {
  for (const Flight& other : flights_) {
    if (!other.open || other.family != flight.family) continue;
    if (last_jump_ && *last_jump_ >= other.began) {
      flight.family->jumped = true;
      continue;
    }
    violated("I1", flight.owner + " sends for " + flight.family->name() + " while the request of " + other.owner + " from " +
                       text_of(flight.began - other.began) + " ago is in flight");
  }
}

void Oracle::check_right_to_send(const Flight& flight, const Connection& row, Time now) {
  const bool held = row.lease.owner == flight.owner && row.lease.until && *row.lease.until > now;
  // Leases go by the clock: set back while a process stood still, it makes one that has run out look fresh.
  const auto claim = claims_.find({flight.owner, row.id.str()});
  const bool jumped = last_jump_ && claim != claims_.end() && *last_jump_ >= claim->second;
  if (!held && jumped) {
    flight.family->jumped = true;
    return;
  }
  if (!held) {
    violated("I1", flight.owner + " sends for " + row.id.str() + " without its lease, which is held by \"" +
                       row.lease.owner + '"');
  }
  if (provider_.habits.rotation == Rotation::never) return;
  const auto attempts = at_once(raw_.unresolved_attempts(1000));
  const bool written =
      attempts && std::ranges::any_of(*attempts, [&](const Attempt& attempt) {
        return attempt.connection == row.id && attempt.generation == row.generation && attempt.fence == row.lease.fence;
      });
  if (!written) violated("I6", flight.owner + " sends for " + row.id.str() + " without a durable attempt");
}

// I6: the same refresh token again, though nobody knows what became of the request before.
void Oracle::check_resolution(const Flight& flight, const Connection& row, Time now) {
  const auto before = std::ranges::find_if(flights_, [&](const Flight& other) {
    return other.family == flight.family && other.refresh == flight.refresh && !other.definite;
  });
  if (before == flights_.end()) return;
  const Rotation rotation = provider_.habits.rotation;
  if (rotation != Rotation::always_strict && rotation != Rotation::always_with_grace) return;
  const Duration age = flight.began - before->began;
  if (rotation == Rotation::always_with_grace && age < provider_.habits.grace) return;
  if (provider_.habits.kills_old_access) return;  // REF-16: if the provider acted, the access token is dead already
  const auto& forced = watched_[flight.family->connection].forced;
  if (forced && flight.began - *forced < forced_counts_for) return;
  if (!row.access_expires_at || *row.access_expires_at - now > end_of_life_margin(row)) {
    violated("I6", flight.owner + " replays " + flight.refresh + " while the access token lives on for " +
                       text_of(row.access_expires_at.value_or(now) - now));
  }
}

void Oracle::done(std::size_t flight) {
  if (flight < flights_.size()) flights_[flight].open = false;
}

bool Oracle::in_flight(const Family& family) const {
  return std::ranges::any_of(flights_, [&](const Flight& flight) { return flight.open && flight.family == &family; });
}

void Oracle::read(std::size_t number, const Result<HttpResponse>& answer) {
  if (number >= flights_.size()) return;
  Flight& flight = flights_[number];
  if (!answer) {
    flight.definite = answer.error().code == Errc::provider_unavailable;
    return;
  }
  const bool success = answer->status >= 200 && answer->status < 300;
  if (answer->status == 400 && answer->body.contains("invalid_grant")) {
    ++terminals_[flight.family];
    last_terminal_[flight.family] = world_.steady();
  }
  for (Mint& mint : flight.family->mints) {
    if (!success || !answer->body.ends_with('}') || !answer->body.contains('"' + mint.access + '"')) continue;
    flight.definite = true;
    answered_[mint.access] = flight.began;
    if (mint.reader.empty()) mint.reader = flight.owner;
  }
  if (!success) flight.definite = true;
}

void Oracle::claimed(const Connection& before, const Claim& claim, const std::optional<Attempt>& attempt, Time now) {
  const Lease& lease = before.lease;
  if (!lease.owner.empty() && lease.until && *lease.until > now) {
    violated("I1", "the lease of " + before.id.str() + " was taken while " + lease.owner + " held it");
  }
  if (claim.connection.lease.fence <= lease.fence) violated("I3", "a claim of " + before.id.str() + " got an old fence");
  world_.note(claim.connection.lease.owner,
              "claims " + before.id.str() + " with fence " + std::to_string(claim.connection.lease.fence));
  claims_[{claim.connection.lease.owner, before.id.str()}] = world_.steady();
  Watched& watched = watched_[before.id.str()];
  watched.attempt = attempt ? ClaimedAttempt{attempt->id, claim.connection.lease.fence} : ClaimedAttempt{};
}

void Oracle::fenced(std::string_view operation, const Connection& before, Fence fence, std::optional<Generation> expected) {
  const bool current = !before.lease.owner.empty() && before.lease.fence == fence;
  if (operation != "renew")
    world_.note("store", std::string{operation} + ' ' + before.id.str() + " frees fence " + std::to_string(fence));
  if (current && (!expected || *expected == before.generation)) return;
  violated("I3", std::string{operation} + " with fence " + std::to_string(fence) + " changed " + before.id.str() +
                     ", whose fence is " + std::to_string(before.lease.fence) + " of \"" + before.lease.owner + '"');
}

// Without a lease: nobody may be sending, and no newer tokens be overwritten.
void Oracle::revived(const Connection& before, Generation expected, Fence asked) {
  world_.note("store", before.id.str() + " is revived by the answer to fence " + std::to_string(asked));
  ++counters.revived;
  const bool right =
      before.status == Status::reauth_required && before.generation == expected && before.tokens_fence < asked;
  if (!right) violated("I3", "a revival with the answer to fence " + std::to_string(asked) + " changed " + before.id.str());
}

// The mint whose answer the process of this attempt has read and the store does not have.
void Oracle::for_answer(const AttemptId& attempt, const std::function<void(Mint&)>& act) {
  const auto found = flight_of_attempt_.find(attempt.str());
  if (found == flight_of_attempt_.end()) return;
  const Flight& flight = flights_[found->second];
  for (Mint& mint : flight.family->mints) {
    if (!mint.kept && mint.reader == flight.owner && mint.at >= flight.began) act(mint);
  }
}

void Oracle::answer_kept(const AttemptId& attempt) {
  for_answer(attempt, [this](Mint& mint) {
    world_.note("store", "keeps the answer that holds " + mint.refresh);
    mint.kept = world_.steady();
    ++counters.mints_kept;
  });
}

void Oracle::keep_refused(const AttemptId& attempt) {
  for_answer(attempt, [this](Mint& mint) {
    world_.note("store", "refuses the answer that holds " + mint.refresh);
    mint.keep_refused = true;
  });
}

void Oracle::escrow_begins(const AttemptId& attempt) {
  for_answer(attempt, [](Mint& mint) { mint.escrow_begun = true; });
}

void Oracle::escrowed(const AttemptId& attempt, const std::string& owner) {
  for_answer(attempt, [&](Mint& mint) {
    world_.note(owner, "escrows the answer that holds " + mint.refresh);
    mint.escrowed_by.push_back(owner);
  });
}

void Oracle::remember_durable(const Connection& after) {
  Watched& watched = watched_[after.id.str()];
  if (watched.durable.contains(after.generation) || after.tokens.access_token.empty()) return;
  const auto opened = at_once(vault_.open(place_of(after, "access_token", after.generation), after.tokens.access_token));
  if (!opened) return violated("I2", "the access token of " + after.id.str() + " in the store cannot be opened");
  std::string access{opened->reveal()};
  Mint* mint = provider_.mint_of(access);
  if (mint == nullptr) return violated("I2", "the store has an access token that nobody minted: " + access);
  if (!mint->kept) mint->kept = world_.steady();
  watched.family = provider_.family_of(mint->refresh);
  watched.family->stored = true;
  // From here on the success is known to all. An answer that died with its process was known to nobody else, and one to what
  // was asked before the last refusal says nothing of what came after.
  const auto answered = answered_.find(access);
  if (answered != answered_.end() && answered->second >= last_terminal_[watched.family]) terminals_[watched.family] = 0;
  watched.durable[after.generation] = std::move(access);
}

void Oracle::written(std::string_view operation, const Connection& before, Time at) {
  const Connection after = row(before.id.str());
  if (after.id.empty()) return;
  if (after.generation != before.generation) remember_durable(after);
  const bool was_ended = before.status == Status::revoking || before.status == Status::revoked;
  const bool is_ended = after.status == Status::revoking || after.status == Status::revoked;
  if (was_ended && !is_ended) {
    violated("I5", std::string{operation} + " made the revoked " + after.id.str() + ' ' +
                       std::string{to_string(after.status)} + " again");
  }
  if (!is_ended && !before.tokens.refresh_token.empty() && after.tokens.refresh_token.empty()) {
    violated("I4", std::string{operation} + " deleted the refresh token of " + after.id.str());
  }
  if (after.status == before.status) return;
  world_.note("store", after.id.str() + " is " + std::string{to_string(after.status)} + ": " + after.reason);
  if (after.status == Status::reauth_required) {
    if (Family* family = watched_[after.id.str()].family) family->given_up = world_.steady();
    check_reauth(after, at);
  }
  if (after.status == Status::quarantined) {
    violated("I6", after.id.str() + " is quarantined, though no answer was ambiguous for a week: " + after.reason);
  }
}

void Oracle::check_reauth(const Connection& after, Time at) {
  const Family* family = watched_[after.id.str()].family;
  const int refusals = terminals_[family];
  const bool ended = !after.access_expires_at || *after.access_expires_at <= at;
  if (refusals >= refusals_to_believe || (refusals > 0 && ended)) return;
  violated("I4", after.id.str() + " is reauth_required after " + std::to_string(refusals) +
                     " refusals by the provider; its access token " + (ended ? "had ended" : "was valid"));
}

void Oracle::forced(const std::string& connection) { watched_[connection].forced = world_.steady(); }

void Oracle::revocation_stored(const std::string& connection) {
  auto& since = watched_[connection].revoking;
  if (!since) since = world_.steady();
}

void Oracle::revocation_answered(const std::string& connection, const std::string& owner) {
  if (!watched_[connection].revoking) revocation_stored(connection);
  watched_[connection].told_revoked.emplace(owner, world_.steady());
}

void Oracle::stopped(const std::string& owner, Duration length) {
  ++counters.freezes;
  stops_[owner].emplace_back(world_.steady(), world_.steady() + length);
}

void Oracle::row_refused(const std::string& owner) { refused_[owner] = world_.steady(); }

void Oracle::died(const std::string& owner) {
  ++counters.deaths;
  dead_[owner] = world_.steady();
  for (Flight& flight : flights_) {  // what it read and did not keep, nobody has read
    if (flight.owner != owner || flight.family == nullptr) continue;
    const auto unkept = [&](const Mint& mint) { return mint.reader == owner && !mint.kept && mint.at >= flight.began; };
    if (std::ranges::any_of(flight.family->mints, unkept)) flight.definite = false;
  }
}

void Oracle::jumped() {
  ++counters.jumps;
  last_jump_ = world_.steady();
  for (const Flight& flight : flights_) {
    if (flight.open) flight.family->jumped = true;
  }
}

void Oracle::handed_out(const std::string& owner, const TokenLease& lease, Duration asked_at) {
  const std::string& id = lease.connection.str();
  Watched& watched = watched_[id];
  const auto durable = watched.durable.find(lease.generation);
  if (durable == watched.durable.end() || durable->second != lease.access_token.reveal()) {
    violated("I2", owner + " handed out " + std::string{lease.access_token.reveal()} + " of " + id + " generation " +
                       std::to_string(lease.generation) + ", which is not durable");
  }
  if (!watched.revoking) return;
  // Others notice a revocation by reading the row again, four times the recheck interval later at most, by their clock.
  Duration limit = *watched.revoking + recheck_ * 4 + 1s + (last_jump_ ? longest_jump : 0ms);
  // Where the store refuses, what was read last stands: no row that says otherwise can be had.
  if (const auto refused = refused_.find(owner); refused != refused_.end() && refused->second >= asked_at) return;
  if (const auto told = watched.told_revoked.find(owner); told != watched.told_revoked.end()) limit = told->second;
  if (asked_at > limit) {
    violated("I5", owner + " handed out a token of " + id + ' ' + text_of(asked_at - *watched.revoking) +
                       " after its revocation was stored");
  }
}

}  // namespace evergrant::sim
