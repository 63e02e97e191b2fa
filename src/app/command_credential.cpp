#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>

#include "app/cli.hpp"
#include "app/git_credential.hpp"
#include "app/token_target.hpp"
#include "base/clock.hpp"
#include "base/encoding.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

struct CredentialOptions {
  std::string action, connection;
  std::vector<std::string> hosts;
  std::string username = "oauth2";  // hosts look at the token alone; GitLab wants this one
  std::int64_t min_ttl = 60;
};

std::vector<std::string> allowed_hosts_of(const json::value& connection) {
  std::vector<std::string> hosts;
  const auto* member = connection.as_object().if_contains("allowed_hosts");
  if (member == nullptr || !member->is_array()) return hosts;
  for (const auto& host : member->as_array()) hosts.emplace_back(host.as_string());
  return hosts;
}

ApiError foreign_host(const std::string& host, const std::vector<std::string>& allowed) {
  return {.status = 403,
          .code = "forbidden",
          .detail = host + " is not a host of this connection's provider: the token is not given",
          .hint = allowed.empty()
                      ? "the profile names none: inject.allowed_hosts"
                      : "it may go to: " + join(allowed, ", ") + "; inject.allowed_hosts of the profile says so"};
}

// git asks nobody else and does not prompt: the host is ours, and its token cannot be had.
void end_asking() { print("quit=1\n"); }

// The connection's id, if the host is one of its provider's.
bool may_have_token(CliContext& context, const GitQuestion& question, const std::string& connection) {
  const auto shown = context.call("GET", "/v1/connections/" + percent_encode(connection));
  if (!shown) return false;
  const auto allowed = allowed_hosts_of(*shown);
  if (is_among_hosts(question.host, allowed)) return true;
  context.report(foreign_host(question.host, allowed));
  return false;
}

void give(CliContext& context, const CredentialOptions& options, const GitQuestion& question,
          const std::string& connection) {
  const bool allowed = may_have_token(context, question, connection);
  const auto token =
      allowed ? context.call(
                    "GET",
                    token_path(
                        {.connection = connection, .registration = {}, .realm = {}, .pair = {}, .min_ttl = options.min_ttl}))
              : std::nullopt;
  if (!token) return end_asking();
  std::string answer = "protocol=" + question.protocol + "\nhost=" + question.host +
                       "\nusername=" + (question.username.empty() ? options.username : question.username) + "\npassword=";
  answer += text_of(*token, "access_token") + '\n';
  if (const auto ends = from_rfc3339(text_of(*token, "expires_at"))) {
    answer += "password_expiry_utc=" + std::to_string(to_epoch_ms(*ends) / 1000) + '\n';
  }
  print(answer);
  wipe(answer);
}

// The host refused a token. If it is the current one, it is replaced; git asks again at its next try.
void replace_refused(CliContext& context, const GitQuestion& question, const std::string& connection) {
  if (question.password.empty()) return;
  const auto token =
      context.call("GET", token_path({.connection = connection, .registration = {}, .realm = {}, .pair = {}}));
  if (!token) return;
  const Secret current = Secret::take(text_of(*token, "access_token"));
  if (!(current == question.password)) return;  // there is a newer one already
  const auto* generation = token->as_object().if_contains("generation");
  const auto path = "/v1/connections/" + percent_encode(connection) + "/refresh";
  static_cast<void>(context.call("POST", path, json::object{{"generation", *generation}}));
}

void answer_git(CliContext& context, const CredentialOptions& options) {
  if (options.action == "store") return;  // evergrant keeps it
  if (context.client() == nullptr) return;
  auto hosts = read_host_map(options.hosts);
  if (!hosts) return context.report(hosts.error());
  const auto question = read_git_question({std::istreambuf_iterator<char>{std::cin}, {}});
  if (!question) return context.report(question.error());
  const auto named = hosts->find(question->host);
  const std::string connection = named == hosts->end() ? options.connection : named->second;
  if (connection.empty()) return;  // another helper's
  if (!may_carry_token(*question)) {
    context.report(ApiError{.status = 403,
                            .code = "forbidden",
                            .detail = "a token is not sent to " + question->host + " over " + question->protocol,
                            .hint = "use an https:// address"});
    return end_asking();
  }
  if (options.action == "get") return give(context, options, *question, connection);
  if (options.action == "erase") replace_refused(context, *question, connection);
}

}  // namespace

void add_credential_command(CLI::App& program, CliContext& context) {
  auto options = std::make_shared<CredentialOptions>();
  auto* command = program.add_subcommand("credential",
                                         "A credential helper for git: tokens as passwords, to their provider's hosts only");
  command->add_option("action", options->action, "get, store or erase; git says which")->required();
  command->add_option("--connection", options->connection, "Of every host that the connection's provider has");
  command->add_option("--host", options->hosts, "HOST=CONNECTION, for this host; may be given several times")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("--username", options->username, "Where git's question has none")->capture_default_str();
  command->add_option("--min-ttl", options->min_ttl, "Least remaining life of the token, in seconds")->capture_default_str();
  command->footer(
      example("credential --connection con_… get") +
      "\n\nTell git, once, as in:\n  git config --global credential.https://gitlab.com.helper "
      "'!evergrant credential --connection con_…'\n`erase`, which git says after a refusal, has the token replaced. "
      "The API key's caller needs the verbs\ntoken:read and connection:read.");
  command->callback([&context, options] { answer_git(context, *options); });
}

}  // namespace evergrant
