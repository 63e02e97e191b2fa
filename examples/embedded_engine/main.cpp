// Connects a customer's account, reads a token, replaces it as if the API had answered 401, and revokes the grant; all in
// this process, on a store of its own. The application gives the threads: one for the engine, one for libcurl.
//
//   embedded_engine FOLDER [PROFILES]   FOLDER: for the store and its key. PROFILES: a folder of further provider profiles.
#include <evergrant/token_manager.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;
using evergrant::TokenManager;

[[noreturn]] void stop(const evergrant::Error& error) {
  std::cerr << to_string(error.code) << ": " << error.message << '\n' << error.hint << '\n';
  std::exit(1);
}

template <class T>
T value_of(evergrant::Result<T> result) {
  if (!result) stop(result.error());
  return std::move(*result);
}

// The key is kept beside the store here; keep yours elsewhere, so that a stolen backup opens nothing.
std::unique_ptr<evergrant::KekSource> kek_in(const std::filesystem::path& folder) {
  const auto path = folder / "kek";
  if (!std::filesystem::exists(path)) {
    std::ofstream{path} << evergrant::generate_kek().reveal();
    std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  return value_of(evergrant::kek_from_file(path));
}

std::unique_ptr<TokenManager> make_manager(const std::filesystem::path& folder, const char* profiles) {
  evergrant::Options options;
  options.public_url = "http://127.0.0.1:8000";  // the application's own; the callback goes to /callback/books below it
  options.profiles = {PROVIDERS_DIR};
  if (profiles != nullptr) options.profiles.emplace_back(profiles);
  auto& books = options.registrations.emplace_back();
  books.id = "books";
  books.provider = "sandbox";
  books.client_id = "sandbox-client";
  books.client_secret = evergrant::Secret{"sandbox-secret"};
  evergrant::Seams seams;
  seams.store = value_of(evergrant::open_sqlite_store({.path = folder / "grants.db"}));
  seams.kek = kek_in(folder);
  return value_of(TokenManager::make(std::move(options), std::move(seams)));
}

// A web application does this in two requests of the browser's; here the person carries the answer over.
std::string connect(TokenManager& tokens) {
  auto start = value_of(
      tokens.connect({.registration = "books", .tenant = "acme", .login_hint = "realm:4620816365000000001"}).wait());
  std::cout << "Open " << start.url.reveal()
            << "\nand give what stands after the '?' of the address that it leads to:" << std::endl;
  std::string query;
  std::getline(std::cin, query);
  const auto outcome = value_of(tokens.finish_connect("books", query, std::move(start.cookie)).wait());
  std::cout << outcome.status << ": " << outcome.message << '\n';
  if (outcome.connection.empty()) std::exit(1);
  return outcome.connection;
}

void show(const char* what, const evergrant::TokenLease& lease) {
  std::cout << what << ": a token of " << lease.reveal().size() << " characters for account " << lease.realm() << ", number "
            << lease.generation() << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "embedded_engine FOLDER [PROFILES]\n";
    return 2;
  }
  const auto tokens = make_manager(argv[1], argc > 2 ? argv[2] : nullptr);
  const std::jthread http{[&] { tokens->run_http(); }};
  const std::jthread engine{[&] {
    if (const auto ran = tokens->run(); !ran) stop(ran.error());
  }};
  const std::string connection = connect(*tokens);
  const auto lease = value_of(tokens->get({.connection = connection, .min_ttl = 60s}).wait());
  show("connected", lease);
  show("after a 401", value_of(tokens->invalidate(lease).wait()));
  std::cout << "revoked: " << value_of(tokens->revoke(connection, "The example is over.").wait()).status << '\n';
  tokens->stop();
}
