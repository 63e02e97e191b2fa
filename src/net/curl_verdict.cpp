#include "base/encoding.hpp"
#include "net/curl_transfer.hpp"

namespace evergrant {
namespace {

// Nothing was sent, so the provider cannot have acted.
Error not_sent(const FailedTransfer& failed, const std::string& host) {
  const std::string text = " (" + without_url_secrets(failed.text) + ")";
  Error error{Errc::provider_unavailable, "", ""};
  switch (failed.code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      error.message = "the name of " + host + " does not resolve" + text;
      error.hint = "check the name, and this machine's DNS";
      break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      error.message = "the TLS certificate of " + host + " is not accepted" + text;
      error.hint = "if a private authority signed it, name its file as ca_file; check this machine's clock";
      break;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
      error.message = "no TLS connection with " + host + text;
      error.hint = "the server must speak TLS 1.2 or newer";
      break;
    case CURLE_OPERATION_TIMEDOUT:
      error.message = "no connection with " + host + " in time" + text;
      error.hint = "check the network on the way there";
      break;
    default:
      error.message = "no connection with " + host + text;
      error.hint = "check the address and the network on the way there";
  }
  return error;
}

}  // namespace

Error judge(const FailedTransfer& failed) {
  const std::string host = printable(failed.host);
  if (failed.address_refused) {
    return {Errc::invalid_argument, "the address of " + host + " may not be connected to from here",
            "it lies in a private, loopback or reserved network"};
  }
  if (!failed.sent) return not_sent(failed, host);
  if (failed.too_long) {
    return {Errc::ambiguous, "the answer of " + host + " is longer than is accepted",
            "check that the URL is the right endpoint"};
  }
  return {Errc::ambiguous,
          "the request to " + host + " was sent and no complete answer was read (" + without_url_secrets(failed.text) + ")",
          "what the server did with it is not known"};
}

std::string without_url_secrets(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(" \t\r\n'\""), text.size());
    std::string word{text.substr(0, end)};
    if (const auto start = word.find("//"); start != std::string::npos) {
      if (const auto at = word.rfind('@'); at != std::string::npos && at > start) word.erase(start + 2, at - start - 1);
    }
    if (const auto query = word.find('?'); query != std::string::npos) word.erase(query);
    out += word;
    if (end < text.size()) out += text[end];
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return printable(out);
}

}  // namespace evergrant
