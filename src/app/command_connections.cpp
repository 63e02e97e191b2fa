#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "app/cli.hpp"
#include "app/read_file.hpp"
#include "app/table.hpp"
#include "app/timeline.hpp"
#include "base/encoding.hpp"
#include "store/backup.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

void print_connections(const json::array& items) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& item : items) {
    rows.push_back({text_of(item, "id"), text_of(item, "status"), text_of(item, "registration"), text_of(item, "tenant"),
                    text_of(item, "realm"), text_of(item, "access_expires_at")});
  }
  print(rows.empty() ? "There are no connections yet. Make one with: evergrant connect\n"
                     : table({"ID", "STATUS", "REGISTRATION", "TENANT", "REALM", "ACCESS TOKEN UNTIL"}, rows));
}

void print_timeline(const json::array& events, std::size_t most) {
  if (events.empty()) return;
  if (events.size() == most) print("\nThe last " + std::to_string(most) + " events; more with --events N:\n");
  print("\n" + table({"WHEN", "WHAT", "GENERATION", "DETAIL"}, timeline_rows(events)));
}

void print_pairs(const json::value& connection) {
  const auto* pairs = connection.as_object().if_contains("pairs");
  if (pairs == nullptr || pairs->as_array().empty()) return;
  std::vector<std::vector<std::string>> rows;
  for (const auto& pair : pairs->as_array()) {
    rows.push_back({text_of(pair, "pair"), text_of(pair, "status"), text_of(pair, "generation"),
                    text_of(pair, "access_expires_at"), text_of(pair, "scope"), text_of(pair, "reason")});
  }
  print("\n" + table({"TOKEN PAIR", "STATUS", "GENERATION", "ACCESS TOKEN UNTIL", "SCOPE", "REASON"}, rows));
}

// "?pair=user", or nothing for the main one.
std::string pair_query(const std::string& pair, char first) {
  return pair.empty() ? "" : first + ("pair=" + percent_encode(pair));
}

struct ListOptions {
  std::string tenant, registration, realm, status;
  bool pairs = false;
  std::size_t limit = 1000;
};

void list(CliContext& context, const ListOptions& options) {
  Parameters query{{"limit", std::to_string(std::min<std::size_t>(options.limit, 200))}};
  if (!options.tenant.empty()) query.emplace_back("tenant", options.tenant);
  if (!options.registration.empty()) query.emplace_back("registration", options.registration);
  if (!options.realm.empty()) query.emplace_back("realm", options.realm);
  if (!options.status.empty()) query.emplace_back("status", options.status);
  if (options.pairs) query.emplace_back("pairs", "true");
  auto items = all_items(context, "/v1/connections?" + form_encode(query), options.limit);
  if (!items) return;
  if (items->size() > options.limit) items->resize(options.limit);
  if (context.json) return print_json(*items);
  print_connections(*items);
}

struct ShowOptions {
  std::string id;
  std::size_t events = 50;
};

void show(CliContext& context, const ShowOptions& options) {
  const std::string path = "/v1/connections/" + percent_encode(options.id);
  auto connection = context.call("GET", path);
  if (!connection) return;
  const std::size_t page = std::min<std::size_t>(options.events, 200);
  auto events = all_items(context, path + "/events?limit=" + std::to_string(page), options.events);
  if (!events) return;
  if (events->size() > options.events) events->resize(options.events);
  std::ranges::reverse(*events);
  if (context.json) {
    connection->as_object()["events"] = *events;
    return print_json(*connection);
  }
  std::vector<std::pair<std::string, std::string>> rows;
  for (const auto* name : {"id", "status", "reason", "registration", "tenant", "realm", "scope", "missing_scope",
                           "generation", "access_expires_at", "refresh_idle_expires_at", "refresh_absolute_expires_at",
                           "next_due_at", "last_refreshed_at", "last_used_at", "created_at", "subject"}) {
    rows.emplace_back(name, text_of(*connection, name));
  }
  const auto& failure = connection->at("failure");
  if (failure.is_object()) {
    rows.emplace_back("failing", text_of(failure, "class") + " (" + text_of(failure, "code") + "), " +
                                     text_of(failure, "count") + " times since " + text_of(failure, "since"));
  }
  print(fields(rows));
  print_pairs(*connection);
  print_timeline(*events, options.events);
}

struct ReleaseOptions {
  std::string id, pair, registration, tenant;
  bool all = false;
};

// Only these are released in bulk: one that is on hold for another reason is a person's decision each time.
bool is_held_by_restore(const json::value& connection) { return text_of(connection, "reason").contains(restored_hold); }

// One after the other: each tries its refresh token once, and what the provider says of it is shown.
void release(CliContext& context, const ReleaseOptions& options) {
  json::array chosen;
  if (options.id.empty()) {
    Parameters query{{"status", "quarantined"}, {"pairs", "true"}, {"limit", "200"}};
    if (!options.registration.empty()) query.emplace_back("registration", options.registration);
    if (!options.tenant.empty()) query.emplace_back("tenant", options.tenant);
    auto items = all_items(context, "/v1/connections?" + form_encode(query), 10'000'000);
    if (!items) return;
    std::ranges::copy_if(*items, std::back_inserter(chosen), is_held_by_restore);
  } else {
    chosen.push_back(json::object{{"id", options.id}});
  }
  json::array released;
  for (const auto& item : chosen) {
    auto after = context.call(
        "POST", "/v1/connections/" + percent_encode(text_of(item, "id")) + "/release" + pair_query(options.pair, '?'));
    if (after) released.push_back(std::move(*after));
  }
  if (context.json) return print_json(released);
  if (released.empty()) return print("No connection was released.\n");
  print_connections(released);
}

void check_chosen(const ReleaseOptions& options) {
  const bool several = options.all || !options.registration.empty() || !options.tenant.empty();
  if (several == options.id.empty()) return;
  throw CLI::ValidationError{"release", "name one connection, or --all, --registration or --tenant"};
}

struct TokenOptions {
  std::string id, registration, realm, pair;
  std::int64_t min_ttl = 0;
};

// The connection that is meant where none is named: the only one there is.
std::optional<std::string> the_only_connection(CliContext& context) {
  auto items = all_items(context, "/v1/connections?status=active&limit=2", 2);
  if (!items) return std::nullopt;
  if (items->size() == 1) return text_of(items->at(0), "id");
  context.report(
      ApiError{.status = 400,
               .code = "invalid_argument",
               .detail = items->empty() ? "there is no active connection" : "there are several connections: say which",
               .hint = items->empty() ? "make one with: evergrant connect" : "list them with: evergrant connections list"});
  return std::nullopt;
}

void print_token(CliContext& context, const std::optional<json::value>& token) {
  if (!token) return;
  if (context.json) return print_json(*token);
  print(text_of(*token, "access_token") + "\n");
}

void token(CliContext& context, TokenOptions options) {
  const std::string query = "/token?min_ttl=" + std::to_string(options.min_ttl) + pair_query(options.pair, '&');
  if (!options.realm.empty()) {
    const auto path =
        "/v1/registrations/" + percent_encode(options.registration) + "/realms/" + percent_encode(options.realm);
    return print_token(context, context.call("GET", path + query));
  }
  if (options.id.empty()) {
    auto only = the_only_connection(context);
    if (!only) return;
    options.id = *only;
  }
  print_token(context, context.call("GET", "/v1/connections/" + percent_encode(options.id) + query));
}

void refresh(CliContext& context, const std::string& id, const std::string& pair, std::int64_t generation) {
  std::optional<json::value> body;
  if (generation > 0) body = json::object{{"generation", generation}};
  auto token = context.call("POST", "/v1/connections/" + percent_encode(id) + "/refresh" + pair_query(pair, '?'), body);
  if (!token) return;
  if (context.json) return print_json(*token);
  print("Generation " + text_of(*token, "generation") + ", valid until " + text_of(*token, "expires_at") + "\n");
}

void revoke(CliContext& context, const std::string& id, bool force) {
  auto connection = context.call("DELETE", "/v1/connections/" + percent_encode(id) + (force ? "?force=true" : ""));
  if (!connection) return;
  if (context.json) return print_json(*connection);
  print("Connection " + id + " is " + text_of(*connection, "status") +
        ". Its token is not given out any more; see the provider's part with: evergrant connections show " + id + "\n");
}

// Secrets come from standard input, never from the command line, which other users can read.
void import(CliContext& context, const std::string& file) {
  std::string text;
  if (file == "-") {
    text.assign(std::istreambuf_iterator<char>{std::cin}, {});
  } else {
    auto content = read_file(file);
    if (!content) return context.report(content.error());
    text = std::move(*content);
  }
  std::error_code error;
  const auto body = json::parse(text, error);
  wipe(text);
  if (error) {
    return context.report(ApiError{.status = 400,
                                   .code = "invalid_argument",
                                   .detail = file + " is not JSON: " + error.message(),
                                   .hint = R"(write {"registration": …, "tenant": …, "realm": …, "refresh_token": …})"});
  }
  auto connection = context.call("POST", "/v1/connections", body);
  if (!connection) return;
  if (context.json) return print_json(*connection);
  print_connections({*connection});
}

void add_release_command(CLI::App& connections, CliContext& context) {
  auto chosen = std::make_shared<ReleaseOptions>();
  auto* releasing = connections.add_subcommand("release", "Take connections off hold; each is tried at its provider once");
  releasing->add_option("id", chosen->id, "Connection");
  releasing->add_option("--pair", chosen->pair, "Of the connection: this further token pair")->needs("id");
  releasing->add_flag("--all", chosen->all, "Every connection that a restore has put on hold");
  releasing->add_option("--registration", chosen->registration, "Those of this registration");
  releasing->add_option("--tenant", chosen->tenant, "Those of this tenant");
  releasing->footer(example("connections release --registration quickbooks"));
  releasing->callback([&context, chosen] {
    check_chosen(*chosen);
    release(context, *chosen);
  });
}

void add_list_command(CLI::App& connections, CliContext& context) {
  auto options = std::make_shared<ListOptions>();
  auto* listing = connections.add_subcommand("list", "List connections");
  listing->add_option("--tenant", options->tenant, "Only this tenant's");
  listing->add_option("--registration", options->registration, "Only this registration's");
  listing->add_option("--realm", options->realm, "Only this realm's");
  listing->add_option("--status", options->status, "active, reauth_required, revoking, revoked or quarantined");
  listing->add_flag("--pairs", options->pairs, "Rows of further token pairs too");
  listing->add_option("--limit", options->limit, "At most so many")->capture_default_str();
  listing->footer(example("connections list --status reauth_required"));
  listing->callback([&context, options] { list(context, *options); });
}

void add_show_command(CLI::App& connections, CliContext& context) {
  auto* showing = connections.add_subcommand("show", "Show a connection and its timeline");
  auto shown = std::make_shared<ShowOptions>();
  showing->add_option("id", shown->id, "Connection")->required();
  showing->add_option("--events", shown->events, "At most so many of its latest events")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, std::size_t{100'000}));
  showing->footer(example("connections show con_…"));
  showing->callback([&context, shown] { show(context, *shown); });
}

}  // namespace

void add_connection_commands(CLI::App& program, CliContext& context) {
  auto* connections = program.add_subcommand("connections", "List connections, or show one and its story");
  connections->require_subcommand(1);
  connections->footer(example("connections list"));
  add_list_command(*connections, context);
  add_show_command(*connections, context);
  add_release_command(*connections, context);

  auto token_options = std::make_shared<TokenOptions>();
  auto* tokens = program.add_subcommand("token", "Print a working access token, and nothing else");
  tokens->add_option("id", token_options->id, "Connection; may be left out where there is only one");
  auto* realm = tokens->add_option("--realm", token_options->realm, "By realm instead of by id");
  auto* registration = tokens->add_option("--registration", token_options->registration, "The realm's registration");
  registration->needs(realm);
  realm->needs(registration)->excludes("id");
  tokens->add_option("--pair", token_options->pair, "A further token pair of the connection, such as user");
  tokens->add_option("--min-ttl", token_options->min_ttl, "Least remaining life, in seconds")->capture_default_str();
  tokens->footer(example("token con_… --min-ttl 300"));
  tokens->callback([&context, token_options] { token(context, *token_options); });

  auto refresh_id = std::make_shared<std::string>();
  auto pair = std::make_shared<std::string>();
  auto generation = std::make_shared<std::int64_t>(0);
  auto* refreshing = program.add_subcommand(
      "refresh", "Refresh now, unless one was forced within refresh.forced_interval (30 s): then show what it brought");
  refreshing->add_option("id", *refresh_id, "Connection")->required();
  refreshing->add_option("--pair", *pair, "A further token pair of the connection, such as user");
  refreshing->add_option("--generation", *generation, "The generation that the provider answered with 401");
  refreshing->footer(example("refresh con_… --generation 7"));
  refreshing->callback([&context, refresh_id, pair, generation] { refresh(context, *refresh_id, *pair, *generation); });

  auto revoke_id = std::make_shared<std::string>();
  auto force = std::make_shared<bool>(false);
  auto* revoking = program.add_subcommand("revoke", "Stop using a connection, revoke it at the provider, shred it");
  revoking->add_option("id", *revoke_id, "Connection")->required();
  revoking->add_flag("--force", *force, "Also where another connection shares the provider's grant");
  revoking->footer(example("revoke con_…"));
  revoking->callback([&context, revoke_id, force] { revoke(context, *revoke_id, *force); });

  auto file = std::make_shared<std::string>("-");
  auto* importing =
      program.add_subcommand("import", "Import existing tokens: a JSON object as POST /v1/connections takes it");
  importing->add_option("file", *file, "A file, or - for standard input")->capture_default_str();
  importing->footer(example("import - < tokens.json"));
  importing->callback([&context, file] { import(context, *file); });
}

}  // namespace evergrant
