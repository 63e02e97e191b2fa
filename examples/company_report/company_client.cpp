#include "company_client.hpp"

#include <curl/curl.h>

#include <boost/json.hpp>
#include <memory>
#include <utility>
#include <vector>

namespace {

namespace json = boost::json;

struct Answer {
  long status = 0;
  std::string body;
};

std::size_t append(char* data, std::size_t size, std::size_t count, void* text) {
  static_cast<std::string*>(text)->append(data, size * count);
  return size * count;
}

// One request; a `body` is posted as JSON. Errors: TryLater where nobody answers.
Answer request(const std::string& url, const std::string& bearer, const std::string& body = {}) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl{curl_easy_init(), &curl_easy_cleanup};
  curl_slist* lines = curl_slist_append(nullptr, ("Authorization: Bearer " + bearer).c_str());
  lines = curl_slist_append(lines, "Accept: application/json");
  if (!body.empty()) lines = curl_slist_append(lines, "Content-Type: application/json");
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers{lines, &curl_slist_free_all};
  Answer answer;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 60L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.body);
  if (!body.empty()) curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.c_str());
  const CURLcode outcome = curl_easy_perform(curl.get());
  if (outcome != CURLE_OK) throw TryLater(url + ": " + curl_easy_strerror(outcome));
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

json::value parsed(const Answer& answer) {
  boost::system::error_code failed;
  json::value value = json::parse(answer.body, failed);
  if (failed || !value.is_object()) throw TryLater("an answer that is no JSON, status " + std::to_string(answer.status));
  return value;
}

std::string text(const json::value& object, const char* name) {
  const auto* member = object.as_object().if_contains(name);
  return member != nullptr && member->is_string() ? std::string{member->as_string()} : std::string{};
}

// evergrant's problems (RFC 9457) carry a code that says what to do.
[[noreturn]] void give_up(const Answer& answer) {
  const json::value problem = parsed(answer);
  const std::string code = text(problem, "code");
  const std::string detail = code + ": " + text(problem, "detail");
  if (code == "reauth_required" || code == "revoked" || code == "not_found") throw ConnectAgain(detail);
  if (answer.status == 429 || answer.status >= 500) throw TryLater(detail);
  throw std::runtime_error(detail);
}

}  // namespace

struct CompanyClient::Token {
  std::string value, connection;
  std::int64_t generation = 0;

  static Token from(const Answer& answer) {
    if (answer.status != 200) give_up(answer);
    const json::value lease = parsed(answer);
    return {text(lease, "access_token"), text(lease, "connection"), lease.at("generation").to_number<std::int64_t>()};
  }
};

CompanyClient::CompanyClient(CompanySettings settings) : settings_{std::move(settings)} {}

CompanyClient::Token CompanyClient::token(const std::string& realm) const {
  const std::string path = "/v1/registrations/" + settings_.registration + "/realms/" + realm + "/token";
  return Token::from(request(settings_.evergrant + path, settings_.api_key));
}

CompanyClient::Token CompanyClient::another_token(const Token& refused) const {
  const std::string path = "/v1/connections/" + refused.connection + "/refresh";
  const std::string body = json::serialize(json::object{{"generation", refused.generation}});
  return Token::from(request(settings_.evergrant + path, settings_.api_key, body));
}

std::string CompanyClient::company_name(const std::string& realm) const {
  const std::string url = settings_.provider_api + "/v3/company/" + realm + "/companyinfo/" + realm;
  Token current = token(realm);
  Answer answer = request(url, current.value);
  if (answer.status == 401) {
    current = another_token(current);
    answer = request(url, current.value);
  }
  if (answer.status == 429 || answer.status >= 500) throw TryLater("the API: status " + std::to_string(answer.status));
  if (answer.status != 200) throw std::runtime_error("the API: status " + std::to_string(answer.status));
  return text(parsed(answer).at("CompanyInfo"), "CompanyName");
}
