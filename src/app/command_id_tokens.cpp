#include <CLI/CLI.hpp>
#include <iostream>

#include "app/cli.hpp"
#include "app/read_file.hpp"
#include "app/table.hpp"
#include "base/encoding.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

struct VerifyOptions {
  std::string file = "-";
  std::string registration, connection, nonce, realm, access_token_file;
  std::vector<std::string> acr_values;
  std::optional<std::int64_t> max_age;
};

// A token never stands on a command line: it would end in the shell's history and in the list of processes.
Result<Secret> read_token(const std::string& file) {
  std::string text;
  if (file == "-") {
    text.assign(std::istreambuf_iterator<char>{std::cin}, {});
  } else {
    auto content = read_file(file);
    if (!content) return std::unexpected(content.error());
    text = std::move(*content);
  }
  Secret token{trim(text)};
  wipe(text);
  if (token.empty()) return fail(Errc::invalid_argument, "there is no token in " + (file == "-" ? "standard input" : file));
  return token;
}

void verify(CliContext& context, const VerifyOptions& options) {
  const auto token = read_token(options.file);
  if (!token) return context.report(token.error());
  json::object question{{"registration", options.registration}, {"id_token", token->reveal()}};
  if (!options.access_token_file.empty()) {
    const auto access = read_token(options.access_token_file);
    if (!access) return context.report(access.error());
    question["access_token"] = access->reveal();
  }
  for (const auto& [name, value] : {std::pair{"connection", &options.connection}, std::pair{"nonce", &options.nonce},
                                    std::pair{"realm", &options.realm}}) {
    if (!value->empty()) question[name] = *value;
  }
  if (!options.acr_values.empty()) question["acr_values"] = json::value_from(options.acr_values);
  if (options.max_age) question["max_age"] = *options.max_age;
  const auto verdict = context.call("POST", "/v1/id-tokens/verify", json::value(std::move(question)));
  if (!verdict) return;
  const bool valid = verdict->at("valid").as_bool();
  if (!valid) context.exit = Exit::failed;
  if (context.json) return print_json(*verdict);
  if (!valid) {
    print("refused: " + text_of(*verdict, "check") + "\n" + text_of(*verdict, "reason") + "\n");
    return;
  }
  std::vector<std::pair<std::string, std::string>> rows;
  for (const auto* name : {"issuer", "subject", "audience", "issued_at", "expires_at", "auth_time"}) {
    rows.emplace_back(name, text_of(*verdict, name));
  }
  for (const auto& claim : verdict->at("claims").as_object()) {
    rows.emplace_back(printable(claim.key(), 60), text_of(verdict->at("claims"), claim.key()));
  }
  print("valid\n" + fields(rows));
}

void show_user_info(CliContext& context, const std::string& connection) {
  const auto answer = context.call("GET", "/v1/connections/" + percent_encode(connection) + "/userinfo");
  if (!answer) return;
  if (context.json) return print_json(*answer);
  std::vector<std::pair<std::string, std::string>> rows;
  const auto& claims = answer->at("claims");
  for (const auto& claim : claims.as_object()) {
    rows.emplace_back(printable(claim.key(), 60), text_of(claims, claim.key()));
  }
  print(fields(rows));
}

}  // namespace

void add_id_token_commands(CLI::App& program, CliContext& context) {
  auto* tokens = program.add_subcommand("id-tokens", "Validate ID tokens");
  tokens->require_subcommand(1);
  tokens->footer(example("id-tokens verify --registration corporate < token.jwt"));
  auto options = std::make_shared<VerifyOptions>();
  auto* verifying = tokens->add_subcommand("verify", "Validate one; says which check failed, with exit code 1");
  verifying->add_option("file", options->file, "File that holds it; '-': standard input")->capture_default_str();
  verifying->add_option("--registration", options->registration, "Whose provider signed it")->required();
  verifying->add_option("--connection", options->connection, "It has to be about this connection");
  verifying->add_option("--nonce", options->nonce, "As it was sent");
  verifying->add_option("--realm", options->realm, "Which realm it has to name, where it names one");
  verifying->add_option("--at-hash-of", options->access_token_file, "File of the access token beside it: at_hash");
  verifying->add_option("--acr", options->acr_values, "As asked for: acr has to be one of them");
  verifying->add_option("--max-age", options->max_age, "As asked for: the sign-in may be so many seconds ago");
  verifying->footer(example("id-tokens verify --registration corporate < token.jwt"));
  verifying->callback([&context, options] { verify(context, *options); });

  auto connection = std::make_shared<std::string>();
  auto* asking = program.add_subcommand("userinfo", "Show what the provider says now about the user of a connection");
  asking->add_option("connection", *connection, "Its id")->required();
  asking->footer(example("userinfo con_…"));
  asking->callback([&context, connection] { show_user_info(context, *connection); });
}

}  // namespace evergrant
