// The command line: one binary, commands grouped by file. Tables for people, --json for scripts, documented exit codes.
#pragma once

#include <boost/json.hpp>

#include <functional>
#include <memory>
#include <string>

#include "app/api_client.hpp"
#include "app/process.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): the library calls itself so
class App;
}

namespace evergrant {

// Exit codes, as `evergrant --help` documents them.
enum class Exit : int {
  ok = 0,
  failed = 1,
  usage = 2,
  unreachable = 3,
  not_found = 4,
  reauth_required = 5,
  not_allowed = 6
};

// What every command shares. The client is made at its first use, from options, environment and the data folder.
class CliContext {
 public:
  std::string url;
  std::string unix_socket;
  std::string ca_file;
  std::string key_file;
  std::string data_dir;
  bool json = false;
  InheritedState inherited;  // what the process was started with
  Exit exit = Exit::ok;

  // Ends the command with a message if no server or key can be found.
  [[nodiscard]] ApiClient* client();
  // The server's address, as `client()` uses it.
  [[nodiscard]] std::string address() const;
  // Calls the API; on failure prints why and how to mend it, sets the exit code and gives nothing.
  [[nodiscard]] std::optional<boost::json::value> call(std::string_view method, const std::string& path,
                                                       const std::optional<boost::json::value>& body = std::nullopt);
  void report(const ApiError& error);
  void report(const Error& error);
  // Where data of `serve --dev` lies: --data-dir, EVERGRANT_DATA_DIR, .run/data.
  [[nodiscard]] std::string data_folder() const;

 private:
  std::unique_ptr<ApiClient> client_;
};

// Each adds its commands to the program.
void add_connection_commands(CLI::App& program, CliContext& context);
void add_connect_command(CLI::App& program, CliContext& context);
void add_operator_commands(CLI::App& program, CliContext& context);
void add_caller_commands(CLI::App& program, CliContext& context);
void add_bootstrap_command(CLI::App& callers, CliContext& context);
void add_key_commands(CLI::App& program, CliContext& context);
void add_id_token_commands(CLI::App& program, CliContext& context);
void add_backup_commands(CLI::App& program, CliContext& context);
void add_serve_commands(CLI::App& program, CliContext& context);
void add_doctor_command(CLI::App& program, CliContext& context);
void add_exec_command(CLI::App& program, CliContext& context);
void add_credential_command(CLI::App& program, CliContext& context);
void add_completion_command(CLI::App& program, CliContext& context);

[[nodiscard]] int run_cli(int argc, char** argv, const InheritedState& inherited);

// The last characters of a help text: "Example: …".
[[nodiscard]] std::string example(std::string_view line);
void print(const std::string& text);
void print_json(const boost::json::value& value);
// A member of an object as text: strings as they are, null as "", arrays joined by spaces.
[[nodiscard]] std::string text_of(const boost::json::value& object, std::string_view name);
// A list as a table, or as JSON.
void print_items(CliContext& context, const std::optional<boost::json::array>& items,
                 const std::vector<std::string>& headings, const std::vector<std::string>& members, std::string_view none);
// All pages of a list.
[[nodiscard]] std::optional<boost::json::array> all_items(CliContext& context, const std::string& path, std::size_t most);

}  // namespace evergrant
