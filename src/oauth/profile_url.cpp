#include "oauth/profile_url.hpp"

#include <boost/url/parse.hpp>

#include "base/encoding.hpp"
#include "net/address_guard.hpp"

namespace evergrant {
namespace {

constexpr std::size_t max_url = 2048;

std::string found(std::string_view url, std::string_view expected) {
  return "found \"" + printable(url, 120) + "\", expected " + std::string{expected};
}

}  // namespace

std::optional<std::string> url_problem(std::string_view url, bool allow_loopback_http) {
  constexpr std::string_view wanted = "an absolute https URL";
  if (url.size() > max_url) return "longer than 2048 characters";
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed || !parsed->has_authority() || parsed->host().empty()) return found(url, wanted);
  // Boost 1.81 takes "127.0.0.1.example" for the address 127.0.0.1 and a path that begins with ".example".
  if (!parsed->encoded_path().empty() && !parsed->encoded_path().starts_with('/')) return found(url, wanted);
  if (parsed->has_userinfo()) return "a URL here must not hold a user name or password";
  if (parsed->has_fragment()) return found(url, "an absolute https URL without a fragment (#…)");
  if (parsed->scheme_id() == boost::urls::scheme::https) return std::nullopt;
  if (parsed->scheme_id() != boost::urls::scheme::http) return found(url, wanted);
  if (!is_loopback_host(parsed->host())) return found(url, "https (plain http is for loopback addresses only)");
  if (!allow_loopback_http) return found(url, "https, or allow_loopback_http = true for a server on this machine");
  return std::nullopt;
}

std::optional<std::string> issuer_problem(std::string_view issuer, bool allow_loopback_http) {
  if (auto problem = url_problem(issuer, allow_loopback_http)) return problem;
  if (boost::urls::parse_uri(issuer)->has_query()) {
    return found(issuer, "an issuer without query or fragment (RFC 8414 section 2)");
  }
  return std::nullopt;
}

std::string origin_of(std::string_view url) {
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed) return {};
  return to_lower_ascii(std::string_view{parsed->scheme()}) + "://" + to_lower_ascii(parsed->encoded_host_and_port());
}

}  // namespace evergrant
