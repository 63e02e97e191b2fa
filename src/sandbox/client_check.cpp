#include "sandbox/client_check.hpp"

#include <algorithm>
#include <boost/url.hpp>

#include "base/secret.hpp"

namespace evergrant {
namespace {

// The text after an authentication scheme's name, which compares without case.
std::optional<std::string_view> after_scheme(const HttpRequest& request, std::string_view scheme) {
  const auto header = request.headers.find("authorization");
  if (!header || request.headers.count("authorization") != 1) return std::nullopt;
  if (header->size() <= scheme.size() || (*header)[scheme.size()] != ' ') return std::nullopt;
  if (!equal_ignoring_case(header->substr(0, scheme.size()), scheme)) return std::nullopt;
  return trim(header->substr(scheme.size()));
}

// application/x-www-form-urlencoded, one value.
std::optional<std::string> form_value(std::string_view text) {
  std::string spaced{text};
  std::ranges::replace(spaced, '+', ' ');
  return percent_decode(spaced);
}

std::optional<ClientCredentials> from_basic(std::string_view encoded) {
  const auto pair = base64_decode(encoded);
  if (!pair) return std::nullopt;
  const auto colon = pair->find(':');
  if (colon == std::string::npos) return std::nullopt;
  const auto id = form_value(std::string_view{*pair}.substr(0, colon));
  const auto secret = form_value(std::string_view{*pair}.substr(colon + 1));
  if (!id || !secret) return std::nullopt;
  return ClientCredentials{*id, *secret};
}

bool is_loopback(std::string_view uri) {
  const auto parsed = boost::urls::parse_uri(uri);
  if (!parsed || parsed->has_fragment() || parsed->has_userinfo()) return false;
  if (parsed->scheme() != "http" && parsed->scheme() != "https") return false;
  // Boost.URL 1.81 ends the host of http://127.0.0.1.example/ after the last digit and calls the rest the path.
  if (const std::string_view path = parsed->encoded_path(); !path.empty() && !path.starts_with('/')) return false;
  const std::string host = parsed->host();
  return host == "127.0.0.1" || host == "[::1]" || host == "localhost";
}

}  // namespace

std::optional<ClientCredentials> read_credentials(const HttpRequest& request, const Parameters& form) {
  const bool in_form = count(form, "client_secret") > 0;
  if (request.headers.find("authorization")) {
    const auto basic = after_scheme(request, "Basic");
    if (!basic || in_form) return std::nullopt;
    return from_basic(*basic);
  }
  const auto id = single(form, "client_id");
  const auto secret = single(form, "client_secret");
  if (!id || !secret) return std::nullopt;
  return ClientCredentials{*id, *secret};
}

const SandboxClient* find_client(const std::vector<SandboxClient>& clients, std::string_view client_id) {
  const auto found = std::ranges::find(clients, client_id, &SandboxClient::client_id);
  return found == clients.end() ? nullptr : &*found;
}

const SandboxClient* authenticate(const std::vector<SandboxClient>& clients, const HttpRequest& request,
                                  const Parameters& form) {
  const auto credentials = read_credentials(request, form);
  if (!credentials) return nullptr;
  const SandboxClient* client = find_client(clients, credentials->client_id);
  if (client == nullptr || client->disabled) return nullptr;
  return equal_in_constant_time(client->client_secret, credentials->client_secret) ? client : nullptr;
}

bool may_redirect_to(const SandboxClient& client, std::string_view uri) {
  if (std::ranges::find(client.redirect_uris, uri) != client.redirect_uris.end()) return true;
  return client.any_loopback_redirect && is_loopback(uri);
}

std::optional<std::string> bearer_of(const HttpRequest& request) {
  const auto token = after_scheme(request, "Bearer");
  if (!token || token->empty()) return std::nullopt;
  return std::string{*token};
}

}  // namespace evergrant
