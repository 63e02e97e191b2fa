#include "access/local_callers.hpp"

#include "base/encoding.hpp"

namespace evergrant {
namespace {

constexpr std::string_view local_prefix = "local:";

}  // namespace

bool is_local(const CallerId& id) noexcept { return id.str().starts_with(local_prefix); }

CallerId local_id(std::string_view name) { return CallerId{std::string{local_prefix} + std::string{name}}; }

LocalCallers::LocalCallers(std::vector<LocalCaller> callers) {
  for (auto& one : callers) by_uid_.emplace(one.uid, std::make_shared<const Caller>(std::move(one.caller)));
}

Result<std::shared_ptr<const Caller>> LocalCallers::authenticate(const LocalPeer& peer) const {
  if (const auto found = by_uid_.find(peer.uid); found != by_uid_.end()) return found->second;
  return fail(Errc::unauthenticated,
              "no API key, and the user " + std::to_string(peer.uid) + " at the other end of the socket is no local caller",
              "add a [[local_caller]] with uid = " + std::to_string(peer.uid) +
                  " to the configuration, or send 'Authorization: Bearer <API key>'");
}

Result<Caller> LocalCallers::find(const CallerId& id) const {
  for (const auto& [uid, caller] : by_uid_) {
    if (caller->id == id) return *caller;
  }
  return fail(Errc::not_found, "the configuration has no caller " + printable(id.str(), 80),
              "they are the [[local_caller]] tables of evergrant.toml");
}

}  // namespace evergrant
