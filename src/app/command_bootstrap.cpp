#include <CLI/CLI.hpp>
#include <iostream>
#include <thread>

#include "access/access_control.hpp"
#include "app/cli.hpp"
#include "app/config.hpp"
#include "base/executor.hpp"
#include "store/sqlite_store.hpp"

namespace evergrant {
namespace {

// The first key of an installation: made in the store itself, by whoever may read the configuration and write the store.
void bootstrap(CliContext& context, const std::string& name, const std::string& config_file) {
  auto config = load_config(config_file);
  if (!config) return context.report(config.error());
  const auto log = Log::silent();
  auto store = open_sqlite_store({.path = config->store.string()}, *log);
  if (!store) return context.report(store.error());
  const SystemClock clock;
  SystemRandom random;
  RunLoop loop;
  const std::jthread thread{[&loop] { loop.run(); }};
  Callers callers{**store, clock, random};
  Policy everything{.verbs = {Verb::admin}, .registrations = {RegistrationId{"*"}}, .tenants = {TenantId{"*"}}};
  auto created = wait_on(loop, callers.create(name, std::move(everything), std::nullopt));
  loop.stop();
  if (!created) return context.report(created.error());
  if (context.json) {
    return print_json(boost::json::object{
        {"id", created->caller.id.str()}, {"name", created->caller.name}, {"key", created->key.reveal()}});
  }
  std::cerr << "Caller " << created->caller.id.str() << " may do everything. Its key is shown this once:\n";
  print(std::string{created->key.reveal()} + "\n");
}

}  // namespace

void add_bootstrap_command(CLI::App& callers, CliContext& context) {
  auto name = std::make_shared<std::string>();
  auto config = std::make_shared<std::string>();
  auto* command = callers.add_subcommand("bootstrap", "Make an admin key in the store itself; needs no server and no key");
  command->add_option("name", *name, "What it is for")->required();
  command->add_option("--config", *config, "evergrant.toml")->required();
  command->footer(example("callers bootstrap admin --config /etc/evergrant/evergrant.toml"));
  command->callback([&context, name, config] { bootstrap(context, *name, *config); });
}

}  // namespace evergrant
