#include "proxy/redirect_rule.hpp"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <boost/url/url_view.hpp>

#include "base/encoding.hpp"
#include "proxy/path_check.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_location = 8U << 10U;

// Absolute, with the fragment kept aside: split_url refuses one, and browsers' business it is.
std::optional<std::string> absolute(std::string_view location, const ProxyTarget& target) {
  const auto reference = boost::urls::parse_uri_reference(location);
  if (!reference) return std::nullopt;
  const std::string own = (target.at.tls ? "https://" : "http://") + target.at.authority + target.path;
  const auto base = boost::urls::parse_uri(own);
  if (!base) return std::nullopt;
  boost::urls::url resolved;
  if (!boost::urls::resolve(*base, *reference, resolved)) return std::nullopt;
  resolved.remove_fragment();
  return std::string{resolved.buffer().data(), resolved.buffer().size()};
}

}  // namespace

RewrittenLocation rewrite_location(std::string_view location, const ProxyTarget& target, std::string_view proxy_base,
                                   bool base_host) {
  if (location.size() > longest_location) return {};
  const auto whole = absolute(location, target);
  if (!whole) return {};
  const auto path_at = whole->find('/', whole->find("//") + 2);
  const auto rest = path_at == std::string::npos ? std::string{"/"} : whole->substr(path_at);
  const auto question = std::min(rest.find('?'), rest.size());
  const auto at = split_url(whole->substr(0, whole->find_first_of("?")), true);
  const bool same_host = at && at->tls == target.at.tls && at->authority == target.at.authority;
  const std::string& base = target.at.path;
  const bool below = rest.starts_with(base) && (rest.size() == base.size() || rest[base.size()] == '/');
  const auto readings = readings_of(std::string_view{rest}.substr(0, question));
  const bool clean = readings && check_path(*readings).has_value();
  if (same_host && below && clean && base_host) {
    return {.name = "Location", .value = std::string{proxy_base} + rest.substr(base.size())};
  }
  return {.name = "Evergrant-Location", .value = *whole};
}

}  // namespace evergrant
