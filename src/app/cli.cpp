#include "app/cli.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "app/config.hpp"
#include "app/read_file.hpp"
#include "app/table.hpp"
#include "base/encoding.hpp"

namespace evergrant {
namespace {

constexpr std::string_view footer = R"(Exit codes:
  0 done · 1 failed · 2 wrong usage · 3 server unreachable · 4 not found · 5 the customer must connect again · 6 not allowed

Where the server and the key come from:
  --url, EVERGRANT_URL (http…, or unix:/path/of/the/socket), or the address that `serve --dev` left in its data folder
  --key-file, EVERGRANT_API_KEY_FILE, EVERGRANT_API_KEY, or the admin key that `serve --dev` left there; over a socket
  whose server knows your user as a [[local_caller]], none is needed

Start with: evergrant serve --dev, then: evergrant connect --realm 4620816365000000001)";

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing sets it after the start
  return value == nullptr ? std::string{} : std::string{value};
}

Exit exit_of(const ApiError& error) {
  if (error.status == 0) return Exit::unreachable;
  if (error.code == "not_found") return Exit::not_found;
  if (error.code == "reauth_required" || error.code == "revoked") return Exit::reauth_required;
  if (error.code == "unauthenticated" || error.code == "forbidden") return Exit::not_allowed;
  return error.code == "invalid_argument" ? Exit::usage : Exit::failed;
}

std::string trimmed_file(const std::string& path) {
  auto text = read_file(path);
  return text ? std::string{trim(*text)} : std::string{};
}

}  // namespace

std::string CliContext::data_folder() const {
  if (!data_dir.empty()) return data_dir;
  const auto named = environment("EVERGRANT_DATA_DIR");
  return named.empty() ? ".run/data" : named;
}

std::string CliContext::address() const {
  if (!url.empty()) return url;
  if (const auto named = environment("EVERGRANT_URL"); !named.empty()) return named;
  if (!unix_socket.empty()) return "http://localhost";
  return trimmed_file(data_folder() + "/address");
}

ApiClient* CliContext::client() {
  if (client_) return client_.get();
  constexpr std::string_view socket_scheme = "unix:";
  if (const auto named = address(); unix_socket.empty() && named.starts_with(socket_scheme)) {
    unix_socket = named.substr(socket_scheme.size());
    url = "http://localhost";
  }
  ApiClientOptions options{.url = address(), .unix_socket = unix_socket, .ca_file = ca_file, .key = {}};
  while (options.url.ends_with('/')) options.url.pop_back();
  if (options.url.empty()) {
    report(ApiError{.status = 0,
                    .code = {},
                    .detail = "no server is known: " + data_folder() + "/address does not exist",
                    .hint = "start one with ./run or `evergrant serve --dev`, or name it with --url"});
    return nullptr;
  }
  auto named = key_file.empty() ? environment("EVERGRANT_API_KEY_FILE") : key_file;
  if (named.empty() && !environment("EVERGRANT_API_KEY").empty()) {
    options.key = Secret::take(environment("EVERGRANT_API_KEY"));
  } else if (named.empty()) {
    // The development key goes to the development server, and to nobody else who is named with --url.
    const bool own = !unix_socket.empty() || options.url == trimmed_file(data_folder() + "/address");
    if (own) options.key = Secret::take(trimmed_file(data_folder() + "/admin.key"));
  } else {
    auto text = read_file(named);
    if (!text) return report(text.error()), nullptr;
    options.key = Secret::take(std::string{trim(*text)});
    wipe(*text);
  }
  client_ = std::make_unique<ApiClient>(std::move(options));
  return client_.get();
}

std::optional<boost::json::value> CliContext::call(std::string_view method, const std::string& path,
                                                   const std::optional<boost::json::value>& body) {
  ApiClient* server = client();
  if (server == nullptr) return std::nullopt;
  auto answer = server->call(method, path, body);
  if (answer) return std::move(*answer);
  report(answer.error());
  return std::nullopt;
}

void CliContext::report(const ApiError& error) {
  std::cerr << "evergrant: " << printable(error.detail, 1000) << '\n';
  if (!error.hint.empty()) std::cerr << "  " << printable(error.hint, 1000) << '\n';
  exit = exit_of(error);
}

void CliContext::report(const Error& error) {
  // Configuration problems come as one line each.
  std::cerr << "evergrant: ";
  for (const auto& line : split(error.message, '\n')) std::cerr << printable(line, 1000) << '\n';
  for (const auto& line : split(error.hint, '\n')) std::cerr << "  " << printable(line, 1000) << '\n';
  exit = error.code == Errc::invalid_argument ? Exit::usage : Exit::failed;
}

std::string example(std::string_view line) { return "Example:\n  evergrant " + std::string{line}; }
void print(const std::string& text) { std::cout << text << std::flush; }
void print_json(const boost::json::value& value) { std::cout << boost::json::serialize(value) << std::endl; }

std::string text_of(const boost::json::value& object, std::string_view name) {
  const auto* members = object.if_object();
  const auto* value = members == nullptr ? nullptr : members->if_contains(name);
  if (value == nullptr || value->is_null()) return {};
  if (const auto* text = value->if_string()) return std::string{*text};
  const auto* array = value->if_array();
  if (array == nullptr) return boost::json::serialize(*value);
  std::vector<std::string> items;
  for (const auto& item : *array)
    items.push_back(item.is_string() ? std::string{item.as_string()} : boost::json::serialize(item));
  return join(items, " ");
}

void print_items(CliContext& context, const std::optional<boost::json::array>& items,
                 const std::vector<std::string>& headings, const std::vector<std::string>& members, std::string_view none) {
  if (!items) return;
  if (context.json) return print_json(*items);
  std::vector<std::vector<std::string>> rows;
  for (const auto& item : *items) {
    std::vector<std::string> row;
    for (const auto& member : members) row.push_back(text_of(item, member));
    rows.push_back(std::move(row));
  }
  print(rows.empty() ? std::string{none} + '\n' : table(headings, rows));
}

std::optional<boost::json::array> all_items(CliContext& context, const std::string& path, std::size_t most) {
  boost::json::array items;
  std::string cursor;
  while (true) {
    auto page = context.call(
        "GET", cursor.empty() ? path : path + (path.contains('?') ? '&' : '?') + "cursor=" + percent_encode(cursor));
    if (!page) return std::nullopt;
    const auto& got = page->at("items").as_array();
    items.insert(items.end(), got.begin(), got.end());
    const std::string next = text_of(*page, "next");
    if (next.empty() || next == cursor || got.empty() || items.size() >= most) return items;
    cursor = next;
  }
}

int run_cli(int argc, char** argv, const InheritedState& inherited) {
  CLI::App program{"evergrant keeps OAuth grants alive and hands out access tokens that work.", "evergrant"};
  CliContext context;
  context.inherited = inherited;
  program.footer(std::string{footer});
  program.require_subcommand(1);
  program.set_version_flag("--version", std::string{"evergrant "} + EVERGRANT_VERSION);
  program.add_option("--url", context.url, "Address of the server: http…, or unix:/path of its socket");
  program.add_option("--unix-socket", context.unix_socket, "Path of the server's Unix socket");
  program.add_option("--ca-file", context.ca_file, "PEM file of the authority that signed the server's certificate");
  program.add_option("--key-file", context.key_file, "File that holds the API key");
  program.add_option("--data-dir", context.data_dir, "Data folder of `serve --dev`");
  program.add_flag("--json", context.json, "JSON instead of tables");
  program.fallthrough();  // the options above may also follow the command
  add_serve_commands(program, context);
  add_connect_command(program, context);
  add_connection_commands(program, context);
  add_exec_command(program, context);
  add_credential_command(program, context);
  add_operator_commands(program, context);
  add_id_token_commands(program, context);
  add_key_commands(program, context);
  add_backup_commands(program, context);
  add_doctor_command(program, context);
  add_completion_command(program, context);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = program.exit(error);
    return code == 0 ? 0 : static_cast<int>(Exit::usage);
  }
  return static_cast<int>(context.exit);
}

}  // namespace evergrant
