// What is judged once faults have stopped and time has passed: every grant lives, or is gone for a reason that is true.
#include <algorithm>

#include "sim/oracle.hpp"
#include "store/escrow_frames.hpp"

namespace evergrant::sim {

// The process that should have kept the answer was stopped while others went on.
bool Oracle::was_stopped_with(const Family& family, const Mint& mint) const {
  Duration until = world_.steady();
  if (mint.kept) until = *mint.kept;
  if (!family.alive) until = std::min(until, family.ended);
  if (family.given_up) until = std::min(until, *family.given_up);
  return std::ranges::any_of(stops_, [&](const auto& of_process) {
    const bool had_it = mint.reader.empty() || mint.reader == of_process.first ||
                        std::ranges::find(mint.escrowed_by, of_process.first) != mint.escrowed_by.end();
    return had_it && std::ranges::any_of(of_process.second,
                                         [&](const auto& stop) { return stop.first <= until && stop.second >= mint.at; });
  });
}

bool Oracle::is_kept_in_time(const Family& family, const Mint& mint) {
  return mint.kept && (family.alive || *mint.kept <= family.doomed);
}

// The new refresh token was in an answer that no process lived to keep, or to escrow: then nobody on our side knows it. A
// process that the store refuses escrows the answer at once; only its death in the middle of that is an excuse.
bool Oracle::is_known_to_nobody(const Family& family, const Mint& mint) const {
  if (is_kept_in_time(family, mint)) return false;
  if (!mint.escrowed_by.empty() || (mint.keep_refused && !mint.escrow_begun)) return false;
  return mint.reader.empty() || dead_.contains(mint.reader);
}

bool Oracle::is_lost_by_nature(const Family& family, const Mint& mint) const {
  if (is_kept_in_time(family, mint)) return false;
  return was_stopped_with(family, mint) || is_known_to_nobody(family, mint);
}

// While the grant lives, whoever was stopped with the answer can still bring the connection back with it.
bool Oracle::is_answer_lost(const Family& family) const {
  return std::ranges::any_of(family.mints, [&](const Mint& mint) {
    return mint.rotated && (family.alive ? is_known_to_nobody(family, mint) : is_lost_by_nature(family, mint));
  });
}

std::optional<std::string> Oracle::excuse(const Family& family) const {
  if (family.end == "by the customer") return "the customer disconnected us";
  if (family.jumped) return "a clock jumped while a request was under way";
  if (family.flapped) return "the provider said invalid_grant";
  if (provider_.habits.rotation == Rotation::always_strict && is_answer_lost(family)) return "a strict answer was lost";
  return std::nullopt;
}

void Oracle::judge_active(const Connection& row, const Family& family) {
  const std::string name = row.id.str() + " (" + family.name() + ')';
  if (!family.alive) {
    return violated("limbo", name + " is active, though its grant ended long ago: " + family.end);
  }
  if (!row.lease.owner.empty()) return violated("limbo", name + " is still leased by " + row.lease.owner);
  if (row.failure.kind != FailureClass::none) {
    return violated("limbo", name + " still fails: " + std::string{to_string(row.failure.kind)} + ' ' + row.failure.code);
  }
  const auto durable = watched_[row.id.str()].durable.find(row.generation);
  if (durable == watched_[row.id.str()].durable.end() || !provider_.accepts(durable->second)) {
    return violated("lost", name + " is active with an access token that the provider does not accept");
  }
  const auto refresh = at_once(vault_.open(place_of(row, "refresh_token", row.generation), row.tokens.refresh_token));
  if (!refresh || !provider_.honours(family, std::string{refresh->reveal()})) {
    violated("lost", name + " is active with a refresh token that the provider does not honour");
  }
}

void Oracle::judge(const std::string& connection) {
  const Connection current = row(connection);
  Family* family = watched_[connection].family;
  if (family == nullptr || violation_) return;
  const std::string name = connection + " (" + family->name() + ')';
  switch (current.status) {
    case Status::active: judge_active(current, *family); break;
    case Status::reauth_required: {
      const auto why = excuse(*family);
      if (!why) {
        violated("lost", name + " is reauth_required, and nothing excuses it; the grant " +
                             (family->alive ? "lives" : "ended: " + family->end) + "; reason: " + current.reason);
      }
      if (current.reason.empty()) violated("limbo", name + " is reauth_required without a reason");
      ++counters.lost_by_nature;
      break;
    }
    case Status::quarantined: violated("I6", name + " is quarantined: " + current.reason); break;
    case Status::revoking: violated("limbo", name + " is still revoking"); break;
    case Status::revoked: break;
  }
}

void Oracle::judge_escrow(std::string_view file) {
  for (const EscrowedAnswer& answer : read_escrow(file).pending) {
    violated("limbo", "an answer for " + answer.connection.str() + " still waits in the escrow");
  }
}

// I5: of grants that were revoked or replaced, nothing lives that the engine could have known.
void Oracle::judge_families() {
  const auto attempts = at_once(raw_.unresolved_attempts(1000));
  if (attempts && !attempts->empty()) {
    violated("limbo", "an attempt for " + attempts->front().connection.str() + " is still without an outcome");
  }
  for (Family& family : provider_.families()) {
    if (!family.stored || !family.has_live_token(world_.steady())) continue;
    const Connection current = row(family.connection);
    const bool is_current = watched_[family.connection].family == &family;
    const bool ended = current.status == Status::revoked || current.status == Status::revoking;
    if (is_current && !ended) continue;
    const bool unknown =
        std::ranges::any_of(family.mints, [&](const Mint& mint) { return is_lost_by_nature(family, mint); });
    if (unknown || family.flapped) continue;
    violated("I5", family.name() + " was " + (is_current ? "revoked" : "replaced") + ", and its tokens live on");
  }
}

}  // namespace evergrant::sim
