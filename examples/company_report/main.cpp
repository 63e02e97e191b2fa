// company_report REALM: prints the name of the company. EVERGRANT_URL, EVERGRANT_KEY, EVERGRANT_REGISTRATION and
// PROVIDER_API say where things are; without them, `evergrant serve --dev` on this machine.
#include <cstdlib>
#include <iostream>

#include "company_client.hpp"

namespace {

std::string setting(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: company_report REALM\n";
    return 2;
  }
  const CompanyClient client{{.evergrant = setting("EVERGRANT_URL", "http://127.0.0.1:9400"),
                              .api_key = setting("EVERGRANT_KEY", ""),
                              .registration = setting("EVERGRANT_REGISTRATION", "sandbox"),
                              .provider_api = setting("PROVIDER_API", "http://127.0.0.1:9500")}};
  try {
    std::cout << client.company_name(arguments[1]) << '\n';
    return 0;
  } catch (const ConnectAgain& error) {
    std::cerr << "Connect the account again: evergrant connect sandbox. (" << error.what() << ")\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
  }
  return 1;
}
