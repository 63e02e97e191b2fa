// AUTH-12: where a browser may be sent after the connect flow. Browsers read URLs more generously than RFC 3986 does, so
// whatever the two could read differently is refused before anything is compared.
#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <optional>

#include "base/encoding.hpp"
#include "oauth/authorization_request.hpp"

namespace evergrant {
namespace {

constexpr std::size_t max_return_url = 2048;

struct ReturnUrl {
  std::string origin;  // scheme://host:port, lower-case, the port always there
  std::string path;    // as written, at least "/"
  std::string query;   // with its '?', as written
};

// "%2e", "%2F", "%5c", encoded control characters and double encoding: what some server decodes into another path.
bool has_treacherous_escape(std::string_view path) {
  const std::string lower = to_lower_ascii(path);
  if (lower.contains("%2e") || lower.contains("%2f") || lower.contains("%5c") || lower.contains("%7f") ||
      lower.contains("%25"))
    return true;
  return lower.contains("%0") || lower.contains("%1");
}

bool has_dot_segment(std::string_view path) {
  const auto segments = split(path, '/');
  return std::ranges::any_of(segments, [](const std::string& segment) { return segment == "." || segment == ".."; });
}

std::optional<std::string> origin(const boost::urls::url_view& url) {
  const auto scheme = to_lower_ascii(std::string_view{url.scheme()});
  if (scheme != "https" && scheme != "http") return std::nullopt;
  if (url.has_userinfo() || url.encoded_host().empty() || url.encoded_host().contains("%")) return std::nullopt;
  std::string port{url.port()};
  if (url.has_port() && url.port_number() == 0) return std::nullopt;  // none, zero, or beyond 65535
  if (port.empty()) port = scheme == "https" ? "443" : "80";
  return scheme + "://" + to_lower_ascii(std::string_view{url.encoded_host()}) + ":" + port;
}

std::optional<ReturnUrl> read(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F && c != '\\'; });
  if (!plain || text.size() > max_return_url || text.contains('#')) return std::nullopt;
  const auto url = boost::urls::parse_uri(text);
  if (!url || !url->has_authority()) return std::nullopt;
  ReturnUrl out;
  auto from = origin(*url);
  if (!from) return std::nullopt;
  out.origin = std::move(*from);
  out.path = std::string{std::string_view{url->encoded_path()}};
  if (out.path.empty()) out.path = "/";
  // Boost 1.81 takes "127.0.0.1.example" for the address 127.0.0.1 and a path that begins with ".example".
  if (!out.path.starts_with('/')) return std::nullopt;
  if (has_dot_segment(out.path) || has_treacherous_escape(out.path)) return std::nullopt;
  if (url->has_query()) out.query = "?" + std::string{std::string_view{url->encoded_query()}};
  return out;
}

// An entry that ends in '/' opens everything below it; any other entry is one URL.
bool matches(const ReturnUrl& url, std::string_view entry) {
  const auto allowed = read(entry);
  if (!allowed || allowed->origin != url.origin) return false;
  if (entry.ends_with('/') && allowed->query.empty()) return url.path.starts_with(allowed->path);
  return allowed->path == url.path && allowed->query == url.query;
}

}  // namespace

Result<> check_return_url(const Registration& registration, std::string_view url) {
  const std::string place = "return_to of registration '" + registration.id.str() + "': ";
  const auto parsed = read(url);
  if (!parsed) {
    return fail(Errc::invalid_argument, place + "\"" + printable(url, 120) + "\" is not a plain absolute URL",
                "give https://host/path without user information, fragment, backslash, '..' or encoded slashes");
  }
  const auto allows = [&](const std::string& entry) { return matches(*parsed, entry); };
  if (std::ranges::any_of(registration.return_urls, allows)) return {};
  return fail(Errc::invalid_argument, place + "\"" + printable(url, 120) + "\" is not on the allow-list",
              registration.return_urls.empty()
                  ? "the registration has no return_urls: add the URL, or a prefix of it that ends in '/'"
                  : "add the URL, or a prefix of it that ends in '/', to return_urls of this registration");
}

}  // namespace evergrant
