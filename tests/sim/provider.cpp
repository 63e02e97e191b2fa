#include "sim/provider.hpp"

#include <algorithm>

#include "base/encoding.hpp"

namespace evergrant::sim {

HttpResponse json_answer(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers.add("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

bool Family::has_live_token(Duration now) const {
  if (!alive) return false;
  if (!refresh.empty()) return true;
  return std::ranges::any_of(mints, [now](const Mint& mint) { return !mint.revoked && mint.expires > now; });
}

Family& SimProvider::grant(const std::string& connection) {
  Family& family = families_.emplace_back();
  family.connection = connection;
  family.number = ++grants_[connection];
  mint(family, true);
  return family;
}

void SimProvider::end(Family& family, std::string why, Duration under_way) {
  if (!family.alive) return;
  family.alive = false;
  family.ended = world_.steady();
  family.doomed = family.ended - under_way;
  world_.note("provider", family.name() + " ends: " + why);
  family.end = std::move(why);
}

const Mint& SimProvider::mint(Family& family, bool rotate) {
  const std::string number = family.name() + '/' + std::to_string(family.mints.size() + 1);
  if (rotate) {
    if (!family.refresh.empty()) family.superseded[family.refresh] = world_.steady();
    family.refresh = "rt/" + number;
    by_token_[family.refresh] = &family;
  }
  if (habits.kills_old_access) {
    for (Mint& old : family.mints) old.revoked = true;
  }
  Mint& made = family.mints.emplace_back();
  made.access = "at/" + number;
  made.refresh = family.refresh;
  made.at = world_.steady();
  made.expires = made.at + habits.lifetime;
  made.rotated = rotate;
  by_access_[made.access] = {&family, family.mints.size() - 1};
  return made;
}

HttpResponse SimProvider::answer(const Mint& mint) const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(mint.expires - mint.at).count();
  std::string body =
      R"({"token_type":"bearer","access_token":")" + mint.access + R"(","expires_in":)" + std::to_string(seconds);
  if (habits.rotation != Rotation::never) body += R"(,"refresh_token":")" + mint.refresh + '"';
  return json_answer(200, body + '}');
}

std::string SimProvider::sent_token(const std::string& body, const char* parameter) {
  const auto form = form_decode(body);
  return form ? single(*form, parameter).value_or("") : "";
}

bool SimProvider::honours(const Family& family, const std::string& refresh) const {
  if (!family.alive) return false;
  if (family.refresh == refresh) return true;
  const auto old = family.superseded.find(refresh);
  if (old == family.superseded.end()) return false;
  const Duration age = world_.steady() - old->second;
  switch (habits.rotation) {
    case Rotation::sometimes: return age < std::chrono::hours{24};
    case Rotation::always_with_grace: return age < habits.grace;
    case Rotation::never:
    case Rotation::self_refresh:
    case Rotation::always_strict: break;
  }
  return false;
}

HttpResponse SimProvider::token(const std::string& body, Duration under_way) {
  const std::string sent = sent_token(body, "refresh_token");
  Family* family = family_of(sent);
  if (family == nullptr || !honours(*family, sent)) {
    world_.note("provider", "refuses " + sent);
    if (family != nullptr && family->alive && habits.reuse_kills) end(*family, "reuse of " + sent, under_way);
    return json_answer(400, R"({"error":"invalid_grant"})");
  }
  const bool replay = family->refresh != sent;
  const bool rotates = habits.rotation == Rotation::always_strict || habits.rotation == Rotation::always_with_grace ||
                       (habits.rotation == Rotation::sometimes && world_.dice.chance(habits.rotates));
  const Mint& made = mint(*family, rotates && !(replay && habits.replay_gives_same));
  world_.note("provider", "mints " + made.access + " with " + made.refresh);
  return answer(made);
}

// RFC 7009: 200 also for what it does not know.
HttpResponse SimProvider::revoke(const std::string& body) {
  const std::string sent = sent_token(body, "token");
  HttpResponse done = json_answer(200, "{}");
  if (Family* family = family_of(sent)) {
    if (family->refresh == sent || habits.revokes_by_superseded) end(*family, "revoked by " + sent);
  } else if (const auto access = by_access_.find(sent); access != by_access_.end()) {
    if (accepts(sent)) end(*access->second.first, "revoked by " + sent);
  }
  return done;
}

Family* SimProvider::family_of(const std::string& token) {
  const auto found = by_token_.find(token);
  return found == by_token_.end() ? nullptr : found->second;
}

Mint* SimProvider::mint_of(const std::string& access_token) {
  const auto found = by_access_.find(access_token);
  return found == by_access_.end() ? nullptr : &found->second.first->mints[found->second.second];
}

bool SimProvider::accepts(const std::string& access_token) {
  const auto found = by_access_.find(access_token);
  if (found == by_access_.end()) return false;
  const Mint& mint = found->second.first->mints[found->second.second];
  return found->second.first->alive && !mint.revoked && mint.expires > world_.steady();
}

}  // namespace evergrant::sim
