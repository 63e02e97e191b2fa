#include <CLI/CLI.hpp>
#include <iostream>

#include "app/cli.hpp"
#include "app/table.hpp"
#include "base/encoding.hpp"
#include "oauth/profile.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

void list_registrations(CliContext& context) {
  auto items = all_items(context, "/v1/registrations", 10'000);
  if (!items) return;
  for (auto& item : *items) {
    auto& object = item.as_object();
    object["state"] = "in use";
    if (object.at("held").is_object()) object["state"] = "held: " + text_of(object.at("held"), "failed") + " refused";
    if (object.at("paused").is_object()) object["state"] = "paused: " + text_of(object.at("paused"), "code");
  }
  print_items(context, items, {"ID", "PROVIDER", "ENVIRONMENT", "CLIENT ID", "REDIRECT URI", "STATE"},
              {"id", "provider", "environment", "client_id", "redirect_uri", "state"},
              "No registration is configured. Add a [[registration]] to evergrant.toml.");
}

void check_profile(CliContext& context, const std::string& file) {
  auto providers = load_profile_file(file);
  if (!providers) return context.report(providers.error());
  if (context.json) {
    json::array items;
    for (const auto& provider : *providers)
      items.push_back(json::object{{"file", file}, {"id", provider.id.str()}, {"environment", provider.environment}});
    return print_json(items);
  }
  for (const auto& provider : *providers)
    print(file + ": " + provider.id.str() + " (" + provider.environment + ") is good\n");
}

void offboard(CliContext& context, const std::string& tenant) {
  auto report = context.call("DELETE", "/v1/tenants/" + percent_encode(tenant));
  if (!report) return;
  if (context.json) return print_json(*report);
  print("Tenant " + tenant + ": " + text_of(*report, "connections") + " revocations begun, " +
        text_of(*report, "already_revoked") + " revoked before, " + text_of(*report, "waiting") +
        " waiting for the provider.\n" +
        (report->at("keys_shredded").as_bool()
             ? "Its keys are shredded: nothing of it can be opened any more. Older backups open until the KEK is replaced.\n"
             : "Its keys are shredded when nothing waits; call this again to see.\n"));
}

void add_registrations(CLI::App& program, CliContext& context) {
  auto* registrations = program.add_subcommand("registrations", "Our clients at providers");
  registrations->require_subcommand(0, 1);
  registrations->footer(example("registrations"));
  auto id = std::make_shared<std::string>();
  auto* resume =
      registrations->add_subcommand("resume", "Resume a registration that the provider refused, after mending it");
  resume->add_option("id", *id, "Registration")->required();
  resume->footer(example("registrations resume quickbooks"));
  resume->callback([&context, id] {
    if (!context.call("POST", "/v1/registrations/" + percent_encode(*id) + "/resume")) return;
    if (context.json) return print_json(json::object{{"id", *id}, {"status", "resumed"}});
    print("Registration " + *id + " is resumed.\n");
  });
  auto* release = registrations->add_subcommand(
      "release-hold", "Believe the provider again, after it refused unusually many grants at once and you have looked");
  release->add_option("id", *id, "Registration")->required();
  release->footer(example("registrations release-hold quickbooks"));
  release->callback([&context, id] {
    if (!context.call("POST", "/v1/registrations/" + percent_encode(*id) + "/release-hold")) return;
    if (context.json) return print_json(json::object{{"id", *id}, {"status", "released"}});
    print("Registration " + *id + ": what the provider says about each connection is believed again.\n");
  });
  auto* listing = registrations->add_subcommand("list", "List registrations");
  listing->footer(example("registrations list"));
  registrations->callback([&context, resume, release] {
    if (!resume->parsed() && !release->parsed()) list_registrations(context);
  });
}

void add_providers(CLI::App& program, CliContext& context) {
  auto* providers = program.add_subcommand("providers", "Provider profiles");
  providers->require_subcommand(0, 1);
  providers->footer(example("providers"));
  auto file = std::make_shared<std::string>();
  auto* check = providers->add_subcommand("check", "Check a profile file; needs no server");
  check->add_option("file", *file, "A TOML file")->required();
  check->footer(example("providers check providers/quickbooks.toml"));
  check->callback([&context, file] { check_profile(context, *file); });
  auto* listing = providers->add_subcommand("list", "List the profiles that the server knows");
  listing->footer(example("providers list"));
  providers->callback([&context, check] {
    if (check->parsed()) return;
    print_items(context, all_items(context, "/v1/providers", 10'000), {"ID", "ENVIRONMENT", "NAME", "DOCUMENTATION"},
                {"id", "environment", "display_name", "documentation"}, "No provider profile is known.");
  });
}

void add_audit(CLI::App& program, CliContext& context) {
  auto connection = std::make_shared<std::string>();
  auto caller = std::make_shared<std::string>();
  auto limit = std::make_shared<std::size_t>(50);
  auto* audit = program.add_subcommand("audit", "Who did what, newest first");
  audit->add_option("--connection", *connection, "Only about this connection");
  audit->add_option("--caller", *caller, "Only by this caller");
  audit->add_option("--limit", *limit, "At most so many")->capture_default_str();
  audit->footer(example("audit --connection con_…"));
  audit->callback([&context, connection, caller, limit] {
    Parameters query{{"limit", std::to_string(std::min<std::size_t>(*limit, 200))}};
    if (!connection->empty()) query.emplace_back("connection", *connection);
    if (!caller->empty()) query.emplace_back("caller", *caller);
    auto items = all_items(context, "/v1/audit?" + form_encode(query), *limit);
    if (items && items->size() > *limit) items->resize(*limit);
    print_items(context, items, {"WHEN", "TIMES", "CALLER", "ACTION", "RESULT", "CONNECTION", "TOKEN", "DETAIL", "FROM"},
                {"at", "count", "caller", "action", "result", "connection", "fingerprint", "detail", "remote"},
                "The audit trail is empty.");
  });
}

}  // namespace

void add_operator_commands(CLI::App& program, CliContext& context) {
  add_registrations(program, context);
  add_providers(program, context);
  add_caller_commands(program, context);
  add_audit(program, context);
  auto tenant = std::make_shared<std::string>();
  auto* tenants = program.add_subcommand("offboard", "Revoke all of a tenant's connections and shred its keys");
  tenants->add_option("tenant", *tenant, "Tenant")->required();
  tenants->footer(example("offboard acme"));
  tenants->callback([&context, tenant] { offboard(context, *tenant); });
}

}  // namespace evergrant
