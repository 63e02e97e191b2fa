#include "base/result.hpp"

namespace evergrant {

std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument: return "invalid_argument";
    case Errc::unauthenticated: return "unauthenticated";
    case Errc::forbidden: return "forbidden";
    case Errc::not_found: return "not_found";
    case Errc::conflict: return "conflict";
    case Errc::gone: return "gone";
    case Errc::too_large: return "too_large";
    case Errc::rate_limited: return "rate_limited";
    case Errc::reauth_required: return "reauth_required";
    case Errc::revoked: return "revoked";
    case Errc::quarantined: return "quarantined";
    case Errc::registration_paused: return "registration_paused";
    case Errc::provider_unavailable: return "provider_unavailable";
    case Errc::provider_rejected: return "provider_rejected";
    case Errc::ambiguous: return "ambiguous";
    case Errc::stale: return "stale";
    case Errc::busy: return "busy";
    case Errc::deadline_exceeded: return "deadline_exceeded";
    case Errc::sealed_broken: return "sealed_broken";
    case Errc::key_unavailable: return "key_unavailable";
    case Errc::store_unavailable: return "store_unavailable";
    case Errc::unsupported: return "unsupported";
    case Errc::insufficient_scope: return "insufficient_scope";
    case Errc::internal: return "internal";
  }
  return "internal";
}

bool is_retryable(Errc code) noexcept {
  switch (code) {
    case Errc::rate_limited:
    case Errc::provider_unavailable:
    case Errc::stale:
    case Errc::busy:
    case Errc::deadline_exceeded:
    case Errc::key_unavailable:
    case Errc::store_unavailable: return true;
    case Errc::invalid_argument:
    case Errc::unauthenticated:
    case Errc::forbidden:
    case Errc::not_found:
    case Errc::conflict:
    case Errc::gone:
    case Errc::too_large:
    case Errc::reauth_required:
    case Errc::revoked:
    case Errc::quarantined:
    case Errc::registration_paused:
    case Errc::provider_rejected:
    case Errc::ambiguous:
    case Errc::sealed_broken:
    case Errc::unsupported:
    case Errc::insufficient_scope:
    case Errc::internal: return false;
  }
  return false;
}

}  // namespace evergrant
