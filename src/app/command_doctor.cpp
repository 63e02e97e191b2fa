#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <thread>

#include "app/cli.hpp"
#include "app/client_key_findings.hpp"
#include "app/config_registrations.hpp"
#include "app/dev_setup.hpp"
#include "app/escrow_finding.hpp"
#include "app/wiring.hpp"
#include "oauth/security_policy.hpp"
#include "oauth/server_metadata.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

constexpr Duration largest_skew{std::chrono::seconds{30}};
constexpr Duration soon{std::chrono::days{30}};

// Looks at everything that a server depends on and says what to do. Changes nothing.
class Doctor {
 public:
  explicit Doctor(CliContext& context) : context_{context} {}

  void examine(const std::string& config_file) {
    auto config = load(config_file);
    if (config) {
      examine_keys(*config);
      examine_store(*config);
      examine_escrow(*config);
      examine_registrations(*config);
    }
    examine_server();
  }

  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }

 private:
  void good(std::string subject, std::string text) {
    findings_.push_back({Health::good, std::move(subject), std::move(text), {}});
  }
  void warn(std::string subject, std::string text, std::string mend) {
    findings_.push_back({Health::warning, std::move(subject), std::move(text), std::move(mend)});
  }
  void bad(std::string subject, const Error& error) {
    findings_.push_back({Health::bad, std::move(subject), error.message, error.hint});
  }

  // Nothing where there is neither a file nor a development folder: then only the server is examined.
  std::optional<Config> load(const std::string& file) {
    const DevPaths paths{.data = context_.data_folder()};
    std::error_code ignored;
    const bool developing = file.empty() && std::filesystem::exists(paths.data, ignored);
    const bool has_file = !file.empty() || std::filesystem::exists("evergrant.toml", ignored);
    Config config;
    if (has_file) {
      auto loaded = load_config(file.empty() ? "evergrant.toml" : file,
                                file.empty() ? Strictness::development : Strictness::production);
      if (!loaded) {
        bad("configuration", loaded.error());
        return std::nullopt;
      }
      config = std::move(*loaded);
      good("configuration", config.file.string() + ": " + std::to_string(config.registrations.size()) + " registrations");
    }
    if (developing) {
      config.store = paths.store();
      config.escrow.clear();
      config.kek = {.place = SecretPlace::file, .name = paths.kek().string()};
      good("data folder", paths.data.string() + " (development)");
    }
    if (!has_file && !developing) return std::nullopt;
    return config;
  }

  void examine_keys(const Config& config) {
    auto keks = make_keks(config);
    if (!keks) return bad("key-encryption key", keks.error());
    good("key-encryption key", to_text(config.kek) + " is " + keks->current->id());
  }

  void examine_store(const Config& config) {
    std::error_code error;
    if (!std::filesystem::exists(config.store, error)) {
      return warn("store", config.store.string() + " does not exist yet", "it is made when the server starts");
    }
    const auto log = Log::silent();
    auto store = open_sqlite_store({.path = config.store.string(), .migrate = false, .check = StoreCheck::whole}, *log);
    if (!store) return bad("store", store.error());
    RunLoop loop;
    const std::jthread thread{[&loop] { loop.run(); }};
    const auto probed = wait_on(loop, (*store)->probe());
    const auto keys = wait_on(loop, (*store)->root_keys());
    const auto stats = wait_on(loop, (*store)->stats(clock_.now()));
    const auto paused = wait_on(loop, (*store)->paused());
    const auto holds = wait_on(loop, (*store)->holds());
    const auto id = wait_on(loop, (*store)->meta("store_id"));
    loop.stop();
    if (id) store_id_ = id->value_or("");
    if (!probed) return bad("store", probed.error());
    good("store", config.store.string() + " is sound and can be written");
    if (keys) examine_root_keys(config, *keys);
    if (stats) examine_stats(*stats);
    if (holds) examine_holds(*holds);
    if (!paused) return;
    for (const auto& pause : *paused) {
      bad("registration " + pause.registration.str(),
          Error{Errc::registration_paused,
                "paused since " + to_rfc3339(pause.since) + ": " + pause.code + " " + pause.detail,
                "mend client_id, client_secret or client_key; it is tried again by itself, or: evergrant registrations "
                "resume " +
                    pause.registration.str()});
    }
  }

  void examine_holds(const std::vector<Store::Hold>& holds) {
    for (const auto& hold : holds) {
      if (hold.released_at) continue;
      bad("registration " + hold.registration.str(),
          Error{Errc::provider_unavailable,
                "since " + to_rfc3339(hold.since) + " state changes are held: " + std::to_string(hold.failed) +
                    " grants were refused within minutes, " + std::to_string(hold.refreshed) + " refreshed",
                "ask the provider; when its word is to be believed: evergrant registrations release-hold " +
                    hold.registration.str()});
    }
  }

  void examine_escrow(const Config& config) {
    std::size_t waiting = 0;
    for (const auto& report : inspect_escrow(config.escrow_path(), store_id_)) {
      const auto subject = "escrow " + report.file.string();
      waiting += report.answers;
      if (report.answers > 0) {
        warn(subject,
             std::to_string(report.answers) + " answers wait for the store (" + std::to_string(report.bytes) + " bytes)",
             report.in_use ? "they are stored as soon as the store takes them; see its finding"
                           : "no process has this file; the next start stores them");
      }
      if (auto problem = escrow_problem(report, config.escrow_bytes)) bad(subject, *problem);
    }
    if (waiting == 0) good("escrow", config.escrow_path().string() + ": nothing waits for the store");
  }

  void examine_root_keys(const Config& config, const std::vector<StoredKey>& keys) {
    auto keks = make_keks(config);
    if (!keks) return;
    for (const auto& key : keys) {
      const bool known = key.wrapped_by == keks->current->id();
      const bool older = std::ranges::any_of(keks->previous, [&](const auto& kek) { return kek->id() == key.wrapped_by; });
      if (known || key.state == KeyState::retired) continue;
      if (older) {
        warn("root key " + key.id.str(), "is still wrapped by an older KEK", "run: evergrant keys rotate kek");
      } else {
        bad("root key " + key.id.str(),
            Error{Errc::key_unavailable, "was wrapped by the KEK " + key.wrapped_by + ", which is not configured",
                  "put that KEK back as [keys] kek, or under previous"});
      }
    }
  }

  void examine_stats(const ConnectionStats& stats) {
    for (const auto& [status, count] : stats.by_status) {
      const auto text = std::to_string(count) + " " + std::string{to_string(status)};
      if (status == Status::reauth_required && count > 0) {
        warn("connections", text, "see them with: evergrant connections list --status reauth_required");
      } else if (status == Status::quarantined && count > 0) {
        warn("connections", text, "see why with: evergrant connections list --status quarantined");
      } else {
        good("connections", text);
      }
    }
    if (stats.outbox > 0)
      warn("revocations", std::to_string(stats.outbox) + " wait for their provider", "they are tried again by themselves");
  }

  void examine_registrations(const Config& config) {
    auto catalogue = load_catalogue(config);
    if (!catalogue) return bad("provider profiles", catalogue.error());
    good("provider profiles", std::to_string(catalogue->ids().size()) + " providers");
    auto registrations = make_registrations(config, *catalogue);
    if (!registrations) return bad("registrations", registrations.error());
    ApiClient reach{{.url = {}, .unix_socket = {}, .ca_file = config.http_client.ca_file, .key = {}}};
    for (const auto& registration : *registrations) {
      examine_provider(reach, registration);
      examine_security(registration);
      for (const auto& secret : registration.client_secrets) examine_expiry(registration, secret);
      for (auto& finding : client_key_findings(registration, config.public_url)) findings_.push_back(std::move(finding));
    }
  }

  void examine_expiry(const Registration& registration, const ClientSecret& secret) {
    if (!secret.expires_at || *secret.expires_at - clock_.now() > soon) return;
    warn("registration " + registration.id.str(), "its client secret ends " + to_rfc3339(*secret.expires_at),
         "make a new one at the provider; keep the old as previous_client_secret until all nodes have the new");
  }

  // Any HTTP answer shows that the provider can be reached; its Date shows whether our clock is right.
  void examine_provider(ApiClient& reach, const Registration& registration) {
    const auto subject = "provider of " + registration.id.str();
    auto urls = metadata_urls(registration.provider);
    const auto url = urls.empty() || registration.provider.metadata_mode == MetadataMode::fixed
                         ? registration.provider.endpoints.token
                         : urls.front();
    if (url.contains('{')) return good(subject, "its host differs per account; it is reached when one connects");
    auto answer = reach.fetch(url);
    if (!answer) return bad(subject, Error{answer.error().code, url + ": " + answer.error().message, answer.error().hint});
    examine_document(registration, *answer);
    const auto date = answer->headers.find("Date");
    const auto theirs = date ? from_http_date(*date) : std::nullopt;
    if (theirs && std::chrono::abs(*theirs - clock_.now()) > largest_skew) {
      return warn(
          subject,
          "reached, but its clock and ours differ by " + std::to_string((*theirs - clock_.now()).count() / 1000) + " s",
          "synchronise this machine's clock (timedatectl)");
    }
    good(subject, "reached at " + url);
  }

  // Under baseline a shortfall is no fault: it says what a stricter choice would meet.
  void examine_security(const Registration& registration) {
    std::string text{to_string(registration.security)};
    for (const auto& found : shortfalls(registration)) text += "\n    short of strict: " + to_text(found);
    good("security of " + registration.id.str(), text);
  }

  // What the provider says of itself, where its document is at the first place: the server looks at the others too.
  void examine_document(const Registration& registration, const HttpResponse& answer) {
    const Provider& provider = registration.provider;
    if (provider.metadata_mode == MetadataMode::fixed || provider.issuer.empty() || answer.status != 200) return;
    const auto subject = "document of " + registration.id.str();
    const auto document = parse_metadata(answer.body, provider.issuer, provider.allow_loopback_http);
    if (!document) return bad(subject, document.error());
    const ResolvedProvider resolved = resolve_provider(provider, &*document);
    if (const auto checked = check_provider(registration, resolved); !checked) {
      return bad(subject,
                 Error{checked.error().code, checked.error().message + "; nobody can connect", checked.error().hint});
    }
    for (const auto& found : shortfalls(registration, resolved)) good(subject, "short of strict: " + to_text(found));
    examine_proof(registration, resolved);
  }

  void examine_proof(const Registration& registration, const ResolvedProvider& resolved) {
    const auto subject = "document of " + registration.id.str();
    if (const auto unlisted = unlisted_proof(registration, resolved)) {
      warn(subject, to_text(*unlisted), "set client_auth to one that it names, or ask the provider");
    }
    if (!could_use_a_key(registration, resolved)) return;
    warn("registration " + registration.id.str(),
         "proves itself by a shared secret, and its provider offers private_key_jwt (RFC 9700 2.5)",
         "make a key with `evergrant keys client`, and register it at the provider: docs/client-keys.md");
  }

  void examine_server() {
    const auto address = context_.address();
    if (address.empty())
      return warn("server", "none is known", "start one with: evergrant serve --dev, or name it with --url");
    ApiClient* server = context_.client();
    if (server == nullptr) return;
    auto ready = server->call("GET", "/readyz");
    if (!ready) {
      return bad("server", Error{Errc::provider_unavailable, address + ": " + ready.error().detail, ready.error().hint});
    }
    good("server", address + " is ready");
    auto listed = server->call("GET", "/v1/connections?limit=1");
    if (!listed) return bad("API key", Error{Errc::unauthenticated, listed.error().detail, listed.error().hint});
    good("API key", "accepted");
  }

  CliContext& context_;
  SystemClock clock_;
  std::string store_id_;  // empty: it could not be read
  std::vector<Finding> findings_;
};

std::string_view word_for(Health health) {
  switch (health) {
    case Health::good: return "good";
    case Health::warning: return "warning";
    case Health::bad: return "bad";
  }
  return "bad";
}

void show(CliContext& context, const std::vector<Finding>& findings) {
  json::array items;
  bool sick = false;
  for (const auto& [health, subject, text, mend] : findings) {
    sick = sick || health == Health::bad;
    items.push_back(json::object{{"health", word_for(health)}, {"subject", subject}, {"finding", text}, {"mend", mend}});
    if (context.json) continue;
    const std::string_view sign = health == Health::good ? "✓" : health == Health::warning ? "!" : "✗";
    std::cout << sign << " " << subject << ": " << text << '\n';
    if (!mend.empty()) std::cout << "    → " << mend << '\n';
  }
  if (context.json) print_json(items);
  if (sick) context.exit = Exit::failed;
}

}  // namespace

void add_doctor_command(CLI::App& program, CliContext& context) {
  auto config = std::make_shared<std::string>();
  auto* command =
      program.add_subcommand("doctor", "Check configuration, keys, store, clock, providers and server; say what to do");
  command->add_option("--config", *config, "evergrant.toml; otherwise the development folder");
  command->footer(example("doctor --config /etc/evergrant/evergrant.toml"));
  command->callback([&context, config] {
    Doctor doctor{context};
    doctor.examine(*config);
    show(context, doctor.findings());
  });
}

}  // namespace evergrant
