#include <CLI/CLI.hpp>
#include <iostream>

#include "app/cli.hpp"
#include "app/read_file.hpp"
#include "app/table.hpp"
#include "base/encoding.hpp"
#include "base/random.hpp"
#include "crypto/kek.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

void list(CliContext& context, const std::string& tenant) {
  auto items = all_items(context, tenant.empty() ? "/v1/keys" : "/v1/keys?tenant=" + percent_encode(tenant), 10'000);
  if (!items) return;
  if (context.json) return print_json(*items);
  std::vector<std::vector<std::string>> rows;
  for (const auto& item : *items) {
    rows.push_back({text_of(item, "id"), text_of(item, "kind"), text_of(item, "state"), text_of(item, "wrapped_by"),
                    text_of(item, "seals_reserved"), text_of(item, "created_at")});
  }
  print(rows.empty() ? "There are no such keys.\n"
                     : table({"ID", "KIND", "STATE", "WRAPPED BY", "SEALS RESERVED", "CREATED"}, rows));
}

void rotate(CliContext& context, const std::string& what, const std::string& tenant) {
  json::object request{{"what", what}};
  if (!tenant.empty()) request["tenant"] = tenant;
  auto report = context.call("POST", "/v1/keys/rotate", json::value(std::move(request)));
  if (!report) return;
  if (context.json) return print_json(*report);
  std::vector<std::pair<std::string, std::string>> rows;
  for (const auto& member : report->as_object()) rows.emplace_back(member.key(), json::serialize(member.value()));
  print(fields(rows));
}

// The KEK is written to a private file rather than shown: what is shown ends in a scrollback.
void generate(CliContext& context, const std::string& file) {
  SystemRandom random;
  if (read_file(file)) {
    return context.report(Error{Errc::invalid_argument,
                                file + " exists already: it is not overwritten, since a lost KEK cannot be had back",
                                "name another file"});
  }
  const Secret text = generate_kek_text(random);
  if (auto written = write_private_file(file, std::string{text.reveal()} + "\n"); !written)
    return context.report(written.error());
  if (context.json) return print_json(json::object{{"file", file}});
  print("A new key-encryption key is in " + file + " (mode 0600). Keep a copy where the database's backups are not.\n");
}

}  // namespace

void add_key_commands(CLI::App& program, CliContext& context) {
  auto* keys = program.add_subcommand("keys", "List, rotate and retire keys; generate a key-encryption key");
  keys->require_subcommand(1);
  keys->footer(example("keys list"));
  auto tenant = std::make_shared<std::string>();
  auto* listing = keys->add_subcommand("list", "List root keys, or a tenant's keys");
  listing->add_option("--tenant", *tenant, "This tenant's keys");
  listing->footer(example("keys list --tenant acme"));
  listing->callback([&context, tenant] { list(context, *tenant); });
  auto what = std::make_shared<std::string>();
  auto* rotating = keys->add_subcommand("rotate", "Rotate online: kek (re-wrap after the KEK changed), root, or tenant");
  rotating->add_option("what", *what, "kek, root or tenant")->required()->check(CLI::IsMember({"kek", "root", "tenant"}));
  rotating->add_option("--tenant", *tenant, "Whose key, with `tenant`");
  rotating->footer(example("keys rotate tenant --tenant acme"));
  rotating->callback([&context, what, tenant] { rotate(context, *what, *tenant); });
  auto id = std::make_shared<std::string>();
  auto* retiring = keys->add_subcommand("retire", "Retire a key that nothing uses any more");
  retiring->add_option("id", *id, "Key")->required();
  retiring->footer(example("keys retire tk_…"));
  retiring->callback([&context, id] {
    if (!context.call("POST", "/v1/keys/" + percent_encode(*id) + "/retire")) return;
    if (context.json) return print_json(json::object{{"id", *id}, {"status", "retired"}});
    print("Key " + *id + " is retired.\n");
  });
  auto file = std::make_shared<std::string>();
  auto* generating = keys->add_subcommand("generate", "Write a new key-encryption key to a file; needs no server");
  generating->add_option("file", *file, "A new file, outside the data folder")->required();
  generating->footer(example("keys generate /etc/evergrant/kek"));
  generating->callback([&context, file] { generate(context, *file); });
}

}  // namespace evergrant
