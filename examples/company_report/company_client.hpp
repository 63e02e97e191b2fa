// Reads from a customer's books. It keeps no token: it asks evergrant for one before each call of the provider's API.
#pragma once

#include <stdexcept>
#include <string>

// The customer must connect the account again: show the link, not a stack trace.
class ConnectAgain : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Nothing is wrong with the connection: the same call may succeed in a while.
class TryLater : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct CompanySettings {
  std::string evergrant;     // http://127.0.0.1:9400
  std::string api_key;       // an evergrant key with token:read
  std::string registration;  // the registration at evergrant
  std::string provider_api;  // https://quickbooks.api.intuit.com
};

class CompanyClient {
 public:
  explicit CompanyClient(CompanySettings settings);

  // The company's name. Errors: ConnectAgain, TryLater; std::runtime_error for the rest.
  [[nodiscard]] std::string company_name(const std::string& realm) const;

 private:
  struct Token;
  [[nodiscard]] Token token(const std::string& realm) const;
  // The provider does not take this token: another one, which a thousand callers who ask at once share.
  [[nodiscard]] Token another_token(const Token& refused) const;
  CompanySettings settings_;
};
