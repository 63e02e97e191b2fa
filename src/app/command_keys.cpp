#include <CLI/CLI.hpp>
#include <iostream>

#include "app/cli.hpp"
#include "app/config_client_keys.hpp"
#include "app/read_file.hpp"
#include "app/table.hpp"
#include "base/encoding.hpp"
#include "base/random.hpp"
#include "crypto/jose.hpp"
#include "crypto/kek.hpp"
#include "oauth/client_keys.hpp"

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
  const Secret text = generate_kek_text(random);
  if (auto written = write_new_private_file(file, std::string{text.reveal()} + "\n"); !written)
    return context.report(written.error());
  if (context.json) return print_json(json::object{{"file", file}});
  print("A new key-encryption key is in " + file + " (mode 0600). Keep a copy where the database's backups are not.\n");
}

// TOML reads a JSON string as JSON does.
std::string toml_text(std::string_view text) { return json::serialize(json::string(text)); }

std::string how_to_use(const std::string& file, std::string_view algorithm, const std::string& kid,
                       const std::string& public_jwk) {
  std::string table =
      "client_key = { pem = { file = " + toml_text(file) + " }, algorithm = \"" + std::string{algorithm} + "\"";
  if (!kid.empty()) table += ", kid = " + toml_text(kid);
  return "A new private key of a client is in " + file +
         " (mode 0600). It is nowhere else: a lost one is replaced by another.\n\n"
         "In the registration's table:\n  client_auth = \"private_key_jwt\"\n  " +
         table +
         " }\n\n"
         "At the provider, register <public_url>/jwks/<id> as jwks_uri, or where it takes keys by hand this one:\n  " +
         public_jwk + "\n\nTo replace a key: docs/client-keys.md\n";
}

// As a KEK: written to a private file, and no file is overwritten.
void generate_client_key(CliContext& context, const std::string& file, const std::string& algorithm,
                         const std::string& kid) {
  if (!is_kid(kid)) {
    return context.report(Error{Errc::invalid_argument, "--kid is longer than 200 characters, or cannot be printed",
                                "choose a short name, or leave it out"});
  }
  const auto made = SigningKey::generate(algorithm, kid);
  auto pem = made ? made->to_pem() : std::unexpected(made.error());
  if (!pem) return context.report(pem.error());
  const auto key = read_client_key(ClientKeyRole::current, algorithm, kid, pem->clone());
  if (!key) return context.report(key.error());
  if (auto written = write_new_private_file(file, pem->reveal()); !written) return context.report(written.error());
  const std::string& public_jwk = key->public_jwk;
  if (!context.json) return print(how_to_use(file, algorithm, kid, public_jwk));
  print_json(
      json::object{{"file", file}, {"algorithm", algorithm}, {"kid", key->kid}, {"public_jwk", json::parse(public_jwk)}});
}

void add_client_key_command(CLI::App& keys, CliContext& context) {
  auto file = std::make_shared<std::string>();
  auto algorithm = std::make_shared<std::string>("ES256");
  auto kid = std::make_shared<std::string>();
  auto* making = keys.add_subcommand("client", "Write a new private key for private_key_jwt to a file; needs no server");
  making->add_option("file", *file, "A new file, which evergrant's user may read")->required();
  making->add_option("--algorithm", *algorithm, "ES256, PS256 or EdDSA; RS256 where the provider takes nothing else")
      ->capture_default_str()
      ->check(CLI::IsMember({"ES256", "PS256", "EdDSA", "RS256"}));
  making->add_option("--kid", *kid, "Its name in the key set (default: its thumbprint, RFC 7638)");
  making->footer(example("keys client /etc/evergrant/corporate-2026.pem"));
  making->callback([&context, file, algorithm, kid] { generate_client_key(context, *file, *algorithm, *kid); });
}

}  // namespace

void add_key_commands(CLI::App& program, CliContext& context) {
  auto* keys = program.add_subcommand("keys", "List, rotate and retire keys; generate a key-encryption key, or a client's");
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
  add_client_key_command(*keys, context);
}

}  // namespace evergrant
