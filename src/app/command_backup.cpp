#include <CLI/CLI.hpp>

#include "app/cli.hpp"
#include "app/config.hpp"
#include "app/dev_setup.hpp"
#include "store/backup.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

struct BackupChoice {
  std::string file;
  std::string config;
  bool replace = false;
};

std::optional<std::string> store_of(CliContext& context, const std::string& config_file) {
  if (config_file.empty()) return DevPaths{.data = context.data_folder()}.store().string();
  auto config = load_config(config_file);
  if (config) return config->store.string();
  context.report(config.error());
  return std::nullopt;
}

json::object to_json(const BackupReport& report) {
  return {{"connections", report.connections}, {"bytes", report.bytes}, {"last_event", report.last_event}};
}

void run_backup(CliContext& context, const BackupChoice& choice) {
  const auto store = store_of(context, choice.config);
  if (!store) return;
  const auto report = back_up(*store, choice.file);
  if (!report) return context.report(report.error());
  if (context.json) {
    auto answer = to_json(*report);
    answer["file"] = choice.file;
    return print_json(answer);
  }
  print("Backup of " + *store + " in " + choice.file + ": " + std::to_string(report->connections) + " connections, " +
        std::to_string(report->bytes) +
        " bytes, checked.\nIt opens only with the key-encryption key, which is not in it.\n");
}

void run_restore(CliContext& context, const BackupChoice& choice) {
  const auto store = store_of(context, choice.config);
  if (!store) return;
  const auto report = restore(choice.file, *store, choice.replace, SystemClock{}.now());
  if (!report) return context.report(report.error());
  if (context.json) {
    auto answer = to_json(report->restored);
    answer["store"] = *store;
    answer["set_aside"] = report->set_aside;
    return print_json(answer);
  }
  print("Restored " + *store + ": " + std::to_string(report->restored.connections) + " connections.\n");
  if (!report->set_aside.empty()) print("What was there before is now " + report->set_aside + ".\n");
  print(
      "When the server starts, every active connection is on hold, since its refresh token may be an old one. Then:\n"
      "  evergrant connections list --status quarantined\n"
      "  evergrant connections release con_…       # one; its refresh token is tried once\n"
      "  evergrant connections release --all       # or --registration ID\n"
      "What was revoked after the backup was made is back too: connections, API keys, tenants. Revoke those again first.\n");
}

}  // namespace

void add_backup_commands(CLI::App& program, CliContext& context) {
  auto choice = std::make_shared<BackupChoice>();
  auto* backup = program.add_subcommand("backup", "Copy the store to a file, consistent and sealed, while the server runs");
  backup->add_option("file", choice->file, "A new file")->required();
  backup->add_option("--config", choice->config, "evergrant.toml; otherwise the development folder");
  backup->footer(example("backup /var/backups/evergrant-2026-11-23.db --config /etc/evergrant/evergrant.toml"));
  backup->callback([&context, choice] { run_backup(context, *choice); });

  auto* restoring = program.add_subcommand("restore", "Put a backup in the store's place; the server must be stopped");
  restoring->add_option("file", choice->file, "The backup")->required();
  restoring->add_option("--config", choice->config, "evergrant.toml; otherwise the development folder");
  restoring->add_flag("--replace", choice->replace, "Set a store that is there aside, under another name beside it");
  restoring->footer(example("restore /var/backups/evergrant-2026-11-23.db --config /etc/evergrant/evergrant.toml"));
  restoring->callback([&context, choice] { run_restore(context, *choice); });
}

}  // namespace evergrant
