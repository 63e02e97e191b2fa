#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <CLI/CLI.hpp>

#include <iostream>
#include <thread>

#include "app/cli.hpp"
#include "base/encoding.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

struct ConnectWish {
  std::string registration, tenant = "demo", realm, return_to, connection, login_hint;
  std::vector<std::string> scopes;
  bool no_browser = false;
  int wait_seconds = 600;
};

// The registration that is meant where none is named: the only one there is.
std::optional<std::string> the_only_registration(CliContext& context) {
  auto registrations = context.call("GET", "/v1/registrations");
  if (!registrations) return std::nullopt;
  const auto& items = registrations->at("items").as_array();
  if (items.size() == 1) return text_of(items.at(0), "id");
  std::vector<std::string> ids;
  for (const auto& item : items) ids.push_back(text_of(item, "id"));
  context.report(
      ApiError{.status = 400,
               .code = "invalid_argument",
               .detail = ids.empty() ? "no registration is configured" : "there are several registrations: say which",
               .hint = ids.empty() ? "add a [[registration]] to evergrant.toml" : "--registration " + join(ids, " | ")});
  return std::nullopt;
}

bool open_browser(const std::string& url) {
  std::string program = "xdg-open";
  std::string address = url;
  std::array<char*, 3> arguments{program.data(), address.data(), nullptr};
  posix_spawn_file_actions_t quiet{};
  ::posix_spawn_file_actions_init(&quiet);
  ::posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const bool started = ::posix_spawnp(&child, program.c_str(), &quiet, nullptr, arguments.data(), environ) == 0;
  ::posix_spawn_file_actions_destroy(&quiet);
  int status = 0;
  return started && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Plays the browser against a provider that consents by itself: follows redirects, with the binding cookie for our own
// pages.
bool consent_without_browser(CliContext& context, const std::string& first) {
  constexpr int most_steps = 8;
  std::string url = first;
  std::string cookie;
  const std::string own = context.address();
  for (int step = 0; step < most_steps; ++step) {
    Headers headers;
    if (!cookie.empty() && url.starts_with(own)) headers.add("Cookie", cookie);
    auto page = context.client()->fetch(url, std::move(headers));
    if (!page) {
      context.report(page.error());
      return false;
    }
    if (const auto set = page->headers.find("Set-Cookie"); set && url.starts_with(own))
      cookie = set->substr(0, set->find(';'));
    const auto location = page->headers.find("Location");
    if (page->status == 303 && location) {
      if (location->starts_with(own + "/connect-result/") || location->starts_with("/connect-result/")) return true;
      url = location->starts_with('/') ? own + std::string{*location} : std::string{*location};
      continue;
    }
    context.report(ApiError{.status = page->status,
                            .code = "provider_rejected",
                            .detail = "the provider did not consent by itself (status " + std::to_string(page->status) + ")",
                            .hint = "--realm works with the sandbox provider only; leave it out to use a browser"});
    return false;
  }
  context.report(ApiError{.status = 502, .code = "provider_rejected", .detail = "too many redirects", .hint = {}});
  return false;
}

// Waits until the session has an outcome.
std::optional<json::value> outcome_of(CliContext& context, const std::string& session, int wait_seconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{wait_seconds};
  while (true) {
    auto state = context.call("GET", "/v1/connect-sessions/" + percent_encode(session));
    if (!state) return std::nullopt;
    const auto status = text_of(*state, "status");
    if (status != "pending" && status != "opened") return state;
    if (std::chrono::steady_clock::now() >= deadline) {
      context.report(ApiError{.status = 504,
                              .code = "deadline_exceeded",
                              .detail = "nobody has finished the connect flow yet",
                              .hint = "the link works until it expires; look again with: evergrant connections list"});
      return std::nullopt;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{300});
  }
}

void tell(CliContext& context, const json::value& state) {
  const auto status = text_of(state, "status");
  if (status != "connected") {
    return context.report(ApiError{.status = 502,
                                   .code = status,
                                   .detail = "not connected: " + status,
                                   .hint = "the server's log and `evergrant doctor` say more"});
  }
  if (context.json) return print_json(state);
  const auto id = text_of(state, "connection");
  print("Connected: " + id + "\nIts access token, whenever you need it: evergrant token " + id + "\n");
}

void connect(CliContext& context, ConnectWish options) {
  if (options.registration.empty()) {
    auto only = the_only_registration(context);
    if (!only) return;
    options.registration = *only;
  }
  json::object request{{"registration", options.registration}, {"tenant", options.tenant}};
  if (!options.return_to.empty()) request["return_to"] = options.return_to;
  if (!options.connection.empty()) request["connection"] = options.connection;
  if (!options.scopes.empty()) request["scopes"] = json::value_from(options.scopes);
  if (!options.realm.empty()) options.login_hint = "realm:" + options.realm;
  if (!options.login_hint.empty()) request["login_hint"] = options.login_hint;
  auto session = context.call("POST", "/v1/connect-sessions", json::value(std::move(request)));
  if (!session) return;
  const auto url = text_of(*session, "url");
  if (!options.realm.empty()) {
    if (!consent_without_browser(context, url)) return;
  } else {
    std::cerr << "Open this link in a browser; it works once, until " << text_of(*session, "expires_at") << ":\n  " << url
              << '\n';
    if (!options.no_browser && !open_browser(url)) std::cerr << "  (no browser could be opened from here)\n";
    std::cerr << "Waiting for the consent …\n";
  }
  if (auto state = outcome_of(context, text_of(*session, "id"), options.wait_seconds)) tell(context, *state);
}

}  // namespace

void add_connect_command(CLI::App& program, CliContext& context) {
  auto options = std::make_shared<ConnectWish>();
  auto* command = program.add_subcommand("connect", "Connect an account: opens the browser, waits, prints the connection");
  command->add_option("registration", options->registration, "Registration; may be left out where there is only one");
  command->add_option("--tenant", options->tenant, "Whose connection it is")->capture_default_str();
  command->add_option("--realm", options->realm, "Sandbox only: consent by itself for this company, without a browser");
  command->add_option("--connection", options->connection, "Reconnect this connection");
  command->add_option("--return-to", options->return_to, "Where the browser goes afterwards (on the registration's list)");
  command->add_option("--scope", options->scopes, "Fewer scopes than configured");
  command->add_option("--login-hint", options->login_hint, "Passed to the provider");
  command->add_option("--wait", options->wait_seconds, "Seconds to wait for the consent")->capture_default_str();
  command->add_flag("--no-browser", options->no_browser, "Only print the link");
  command->footer(example("connect sandbox --tenant acme --realm 4620816365000000001"));
  command->callback([&context, options] { connect(context, *options); });
}

}  // namespace evergrant
