// An application of the bench, as small as one can be: HTTP requests with libcurl, from any thread.
#pragma once

#include <curl/curl.h>

#include <boost/json.hpp>
#include <memory>
#include <stdexcept>
#include <string>

#include "evergrant/testing/bench.hpp"

namespace evergrant::testing {

struct Answer {
  long status = 0;  // 0: the connection was closed unanswered
  std::string body;
  [[nodiscard]] std::string text(const char* name) const {
    const auto value = boost::json::parse(body);
    const auto* member = value.as_object().if_contains(name);
    return member != nullptr && member->is_string() ? std::string{member->as_string()} : std::string{};
  }
};

inline std::size_t append_to(char* data, std::size_t size, std::size_t count, void* text) {
  static_cast<std::string*>(text)->append(data, size * count);
  return size * count;
}

// A GET; with a `body`, a POST.
inline Answer call(const std::string& url, const std::string& bearer, const std::string& body = {}) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl{curl_easy_init(), &curl_easy_cleanup};
  curl_slist* lines = curl_slist_append(nullptr, ("Authorization: Bearer " + bearer).c_str());
  lines = curl_slist_append(lines, "Content-Type: application/json");
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers{lines, &curl_slist_free_all};
  Answer answer;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 60L);  // real: nothing here takes that long
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &append_to);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.body);
  if (!body.empty()) curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.c_str());
  const CURLcode outcome = curl_easy_perform(curl.get());
  if (outcome == CURLE_GOT_NOTHING) return {};
  if (outcome != CURLE_OK) throw std::runtime_error(curl_easy_strerror(outcome));
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

inline const std::string some_realm = "4620816365000000001";

inline Answer read_token(const Bench& bench, const std::string& realm = some_realm) {
  return call(bench.url() + "/v1/registrations/sandbox/realms/" + realm + "/token", bench.api_key());
}

// The accounting API, with evergrant's token.
inline long call_api(Bench& bench, const std::string& realm = some_realm) {
  const auto token = read_token(bench, realm).text("access_token");
  return call(bench.provider().url() + "/v3/company/" + realm + "/companyinfo/" + realm, token).status;
}

}  // namespace evergrant::testing
