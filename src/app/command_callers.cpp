#include <CLI/CLI.hpp>
#include <iostream>

#include "app/cli.hpp"
#include "app/table.hpp"
#include "base/encoding.hpp"

namespace evergrant {
namespace {

constexpr const char* verbs_text = "token:read, connection:read, connection:write, connect, revoke, proxy, admin";

struct PolicyOptions {
  std::vector<std::string> verbs, registrations, tenants, connections, methods, paths;
  std::int64_t requests_per_minute = 0;
};

// Only what was given: what is absent means something of its own.
void add_to(boost::json::object& request, const PolicyOptions& options) {
  const auto add = [&request](const char* name, const std::vector<std::string>& values) {
    if (!values.empty()) request[name] = boost::json::value_from(values);
  };
  add("verbs", options.verbs);
  add("registrations", options.registrations);
  add("tenants", options.tenants);
  add("connections", options.connections);
  add("methods", options.methods);
  add("paths", options.paths);
  if (options.requests_per_minute > 0) request["requests_per_minute"] = options.requests_per_minute;
}

void add_policy_options(CLI::App& command, PolicyOptions& options) {
  command.add_option("--verb", options.verbs, verbs_text)->capture_default_str();
  command.add_option("--registration", options.registrations, "Registrations it covers")->capture_default_str();
  command.add_option("--tenant", options.tenants, "Tenants it covers")->capture_default_str();
  command.add_option("--connection", options.connections, "Only these connections of them");
  command.add_option("--method", options.methods, "Only these methods of calls at the provider");
  command.add_option("--path", options.paths, "Only these paths there and below: /v3/company/*/invoice");
  command.add_option("--requests-per-minute", options.requests_per_minute, "At most so many requests");
}

void print_new_key(CliContext& context, const boost::json::value& caller) {
  if (context.json) return print_json(caller);
  const auto until = text_of(caller, "expires_at");
  std::cerr << "Caller " << text_of(caller, "id") << (until.empty() ? "" : ", until " + until)
            << ". Its key is shown this once:\n";
  print(text_of(caller, "key") + "\n");
}

void add_create(CLI::App& callers, CliContext& context) {
  struct Options {
    std::string name;
    PolicyOptions policy{.verbs = {"token:read"}, .registrations = {"*"}, .tenants = {"*"}};
    std::int64_t days = 0;
  };
  auto options = std::make_shared<Options>();
  auto* create = callers.add_subcommand("create", "Create a caller and print its key, this once");
  create->add_option("name", options->name, "What it is for")->required();
  add_policy_options(*create, options->policy);
  create->add_option("--days", options->days, "Days of life; 0: no end")->capture_default_str();
  create->footer(example("callers create invoicing --verb token:read --tenant acme --days 90"));
  create->callback([&context, options] {
    boost::json::object request{{"name", options->name}};
    add_to(request, options->policy);
    if (options->days > 0) request["expires_in"] = options->days * 86400;
    if (auto caller = context.call("POST", "/v1/callers", boost::json::value(std::move(request)))) {
      print_new_key(context, *caller);
    }
  });
}

void add_derive(CLI::App& callers, CliContext& context) {
  struct Options {
    std::string name;
    PolicyOptions policy;
    std::int64_t minutes = 15;
  };
  auto options = std::make_shared<Options>();
  auto* command = callers.add_subcommand("derive", "Make a key from your own: for less, and for minutes; needs no admin");
  command->add_option("--name", options->name, "What it is for");
  add_policy_options(*command, options->policy);
  command->add_option("--minutes", options->minutes, "Minutes of life, at most a day and never longer than your own key")
      ->capture_default_str()
      ->check(CLI::Range(1, 1440));
  command->footer(example("callers derive --verb proxy --connection con_… --method GET --minutes 10"));
  command->callback([&context, options] {
    boost::json::object request{{"lifetime", options->minutes * 60}};
    if (!options->name.empty()) request["name"] = options->name;
    add_to(request, options->policy);
    if (auto caller = context.call("POST", "/v1/callers/derive", boost::json::value(std::move(request)))) {
      print_new_key(context, *caller);
    }
  });
}

void print_explanation(const boost::json::value& answer) {
  const bool allowed = answer.at("allowed").as_bool();
  print((allowed ? "Allowed: " : "Refused (" + text_of(answer, "refused_by") + "): ") + text_of(answer, "reason") + ".\n");
  for (const auto& caller : answer.at("callers").as_array()) {
    const auto limit = text_of(caller, "requests_per_minute");
    print("\n" + text_of(caller, "id") + " " + text_of(caller, "name") + ", " + text_of(caller, "state") +
          (limit == "0" ? "" : ", " + limit + " requests a minute") + "\n");
    std::vector<std::vector<std::string>> rows;
    for (const auto& rule : caller.at("rules").as_array()) {
      rows.push_back({text_of(rule, "rule"), rule.at("holds").as_bool() ? "yes" : "NO", text_of(rule, "policy"),
                      text_of(rule, "asked")});
    }
    print(table({"RULE", "HOLDS", "POLICY", "ASKED"}, rows));
  }
}

void add_explain(CLI::App& callers, CliContext& context) {
  struct Options {
    std::string caller, verb, connection, registration, tenant, method, path;
  };
  auto options = std::make_shared<Options>();
  auto* command = callers.add_subcommand("explain", "Why a request of a caller is allowed or not (exit code 6: it is not)");
  command->add_option("--caller", options->caller, "The caller's id")->required();
  command->add_option("--verb", options->verb, verbs_text)->required();
  command->add_option("--connection", options->connection, "About this connection");
  command->add_option("--registration", options->registration, "Or about this registration, with --tenant; '*': all");
  command->add_option("--tenant", options->tenant, "Tenant");
  command->add_option("--method", options->method, "Of a call at the provider, with --path");
  command->add_option("--path", options->path, "As it is sent, without query");
  command->footer(example("callers explain --caller cal_… --verb proxy --connection con_… --method GET --path /v3/query"));
  command->callback([&context, options] {
    boost::json::object request{{"caller", options->caller}, {"verb", options->verb}};
    const auto add = [&request](const char* name, const std::string& value) {
      if (!value.empty()) request[name] = value;
    };
    add("connection", options->connection);
    add("registration", options->registration);
    add("tenant", options->tenant);
    add("method", options->method);
    add("path", options->path);
    auto answer = context.call("POST", "/v1/callers/explain", boost::json::value(std::move(request)));
    if (!answer) return;
    if (!answer->at("allowed").as_bool()) context.exit = Exit::not_allowed;
    if (context.json) return print_json(*answer);
    print_explanation(*answer);
  });
}

void add_revoke(CLI::App& callers, CliContext& context) {
  auto id = std::make_shared<std::string>();
  auto* revoke = callers.add_subcommand("revoke", "Revoke a caller's key, and those that derive from it");
  revoke->add_option("id", *id, "Caller")->required();
  revoke->footer(example("callers revoke cal_…"));
  revoke->callback([&context, id] {
    if (!context.call("DELETE", "/v1/callers/" + percent_encode(*id))) return;
    if (context.json) return print_json(boost::json::object{{"id", *id}, {"status", "revoked"}});
    print("Caller " + *id + " is revoked.\n");
  });
}

}  // namespace

void add_caller_commands(CLI::App& program, CliContext& context) {
  auto* callers = program.add_subcommand("callers", "API keys and what they may do");
  callers->require_subcommand(1);
  callers->footer(example("callers list"));
  add_create(*callers, context);
  add_derive(*callers, context);
  auto* listing = callers->add_subcommand("list", "List callers");
  listing->footer(example("callers list"));
  listing->callback([&context] {
    print_items(context, all_items(context, "/v1/callers?limit=200", 10'000),
                {"ID", "NAME", "KEY", "VERBS", "REGISTRATIONS", "TENANTS", "PARENT", "EXPIRES", "REVOKED"},
                {"id", "name", "key_prefix", "verbs", "registrations", "tenants", "parent", "expires_at", "revoked_at"},
                "There are no callers.");
  });
  add_bootstrap_command(*callers, context);
  add_explain(*callers, context);
  add_revoke(*callers, context);
}

}  // namespace evergrant
