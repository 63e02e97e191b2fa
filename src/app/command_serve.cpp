#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "app/cli.hpp"
#include "app/config_registrations.hpp"
#include "app/dev_setup.hpp"
#include "app/process.hpp"
#include "app/read_file.hpp"
#include "app/wiring.hpp"
#include "net/http_client.hpp"
#include "sandbox/sandbox.hpp"

namespace evergrant {
namespace {

struct ServeOptions {
  std::string config;
  std::string public_url;
  bool dev = false;
  std::uint16_t port = 0;
  std::uint16_t sandbox_port = 9500;
  std::vector<std::string> return_urls{"http://127.0.0.1:3000/", "http://localhost:3000/"};
};

bool on_terminal() { return ::isatty(STDERR_FILENO) == 1; }

// The sandbox provider with a listener of its own.
class SandboxServer {
 public:
  SandboxServer(const SandboxOptions& options, std::uint16_t port, const Log& log)
      : sandbox_{options, clock_, random_, log},
        server_{{.address = "127.0.0.1", .port = port, .threads = 1}, sandbox_, log} {}

  [[nodiscard]] Result<std::string> start() {
    if (auto opened = sandbox_.open(); !opened) return std::unexpected(opened.error());
    if (auto started = client_.start(); !started) return std::unexpected(started.error());
    sandbox_.fetch_with([this](OutboundRequest request) { return client_.send(std::move(request)); });
    if (auto started = server_.start(); !started) return std::unexpected(started.error());
    auto base = "http://127.0.0.1:" + std::to_string(server_.port());
    sandbox_.set_base_url(base);
    return base;
  }
  void stop() { server_.stop(std::chrono::seconds{1}); }

 private:
  SystemClock clock_;
  SystemRandom random_;
  HttpClient client_{ClientOptions{}};
  Sandbox sandbox_;
  HttpServer server_;
};

void forget_variables(const Config& config) {
  forget_variable(config.kek);
  for (const auto& older : config.previous_keks) forget_variable(older);
  for (const auto& registration : config.registrations) {
    forget_variable(registration.client_secret);
    forget_variable(registration.previous_client_secret);
    forget_variable(registration.client_key.pem);
    forget_variable(registration.next_client_key.pem);
    forget_variable(registration.previous_client_key.pem);
  }
}

// --- evergrant serve, without --dev ---

Result<> serve(const ServeOptions& options) {
  auto config = load_config(options.config, Strictness::production, options.port);
  if (!config) return std::unexpected(config.error());
  if (config->public_url.empty()) {
    return fail(Errc::invalid_argument, "'server.public_url' is missing: with port 0 nobody knows it before the start",
                "give a port, or the URL under which browsers reach this server");
  }
  const Log log{log_format(config->log_style, on_terminal()), config->log_level};
  auto catalogue = load_catalogue(*config);
  if (!catalogue) return std::unexpected(catalogue.error());
  auto registrations = make_registrations(*config, *catalogue);
  if (!registrations) return std::unexpected(registrations.error());
  auto wiring = Wiring::make(*config, *catalogue, std::move(*registrations), log);
  if (!wiring) return std::unexpected(wiring.error());
  forget_variables(*config);
  if (auto started = (*wiring)->start(); !started) return started;
  log.info("serving", {{"public_url", config->public_url}, {"registrations", config->registrations.size()}});
  wait_for_stop();
  log.info("stopping");
  (*wiring)->stop();
  return {};
}

// --- evergrant serve --dev ---

// ./evergrant.toml adds real providers to the development server; without one there is the sandbox alone.
Result<Config> dev_config(const ServeOptions& options, const DevPaths& paths) {
  Config config;
  std::error_code ignored;
  const bool has_file = !options.config.empty() || std::filesystem::exists("evergrant.toml", ignored);
  if (has_file) {
    auto loaded = load_config(options.config.empty() ? "evergrant.toml" : options.config, Strictness::development);
    if (!loaded) return loaded;
    config = std::move(*loaded);
  }
  config.store = paths.store();
  config.escrow.clear();
  config.kek = {.place = SecretPlace::file, .name = paths.kek().string()};
  config.server.address = "127.0.0.1";
  config.server.unix_socket.clear();
  config.server.tls_certificate.clear();  // the address given out below is plain http
  config.server.tls_key.clear();
  if (options.port != 0) config.server.port = options.port;
  if (config.server.port == 0) config.server.port = default_port;
  config.public_url =
      options.public_url.empty() ? "http://127.0.0.1:" + std::to_string(config.server.port) : options.public_url;
  while (config.public_url.ends_with('/')) config.public_url.pop_back();
  for (const auto& problem : check_config(config, Strictness::development)) {
    return fail(Errc::invalid_argument, "'" + problem.field + "': " + problem.text);
  }
  return config;
}

// The admin key is kept from start to start: a client that has it goes on working.
Result<> leave_admin_key(Wiring& wiring, const DevPaths& paths, const std::string& url) {
  if (auto written = write_private_file(paths.address().string(), url + "\n"); !written) return written;
  if (read_file(paths.admin_key().string())) return {};
  const Policy everything{.verbs = {Verb::admin}, .registrations = {RegistrationId{"*"}}, .tenants = {TenantId{"*"}}};
  auto admin = wiring.create_caller("development admin", everything);
  if (!admin) return std::unexpected(admin.error());
  return write_private_file(paths.admin_key().string(), std::string{admin->key.reveal()} + "\n");
}

void greet(const std::string& url, const std::string& sandbox_url, const DevPaths& paths, bool new_kek) {
  const auto key = paths.admin_key().string();
  std::cerr << "\nevergrant is ready.\n\n"
            << "  API              " << url << "\n"
            << "  Sandbox provider " << sandbox_url << "\n"
            << "  Admin key        " << key << " (the command line finds it by itself)\n"
            << "  Encryption key   " << paths.kek().string() << (new_kek ? " (new; outside the data folder: keep it)" : "")
            << "\n\n"
            << "Connect an account, in the browser or without one:\n"
            << "  evergrant connect sandbox\n"
            << "  evergrant connect sandbox --realm 4620816365000000001\n"
            << "Then, for ever:\n"
            << "  curl -H \"Authorization: Bearer $(cat " << key << ")\" " << url
            << "/v1/registrations/sandbox/realms/4620816365000000001/token\n\n"
            << "This program: " << std::filesystem::read_symlink("/proc/self/exe").string() << ". Ctrl-C stops.\n\n";
}

Result<> serve_dev(const ServeOptions& options, const std::string& data_folder) {
  const DevPaths paths{.data = data_folder};
  SystemRandom random;
  auto new_kek = prepare(paths, random);
  if (!new_kek) return std::unexpected(new_kek.error());
  auto config = dev_config(options, paths);
  if (!config) return std::unexpected(config.error());
  const Log log{log_format(config->log_style, on_terminal()), config->log_level};
  auto catalogue = load_catalogue(*config);
  if (!catalogue) return std::unexpected(catalogue.error());
  auto registrations = make_registrations(*config, *catalogue);
  if (!registrations) return std::unexpected(registrations.error());
  if (auto alone = lock_folder(paths); !alone) return alone;
  SandboxServer sandbox{{.state_file = paths.sandbox_state().string()}, options.sandbox_port, log};
  auto sandbox_url = sandbox.start();
  if (!sandbox_url) return std::unexpected(sandbox_url.error());
  auto local = sandbox_registration(*catalogue, *sandbox_url, config->public_url, options.return_urls);
  if (!local) return std::unexpected(local.error());
  registrations->push_back(std::move(*local));
  auto wiring = Wiring::make(*config, *catalogue, std::move(*registrations), log);
  if (!wiring) return std::unexpected(wiring.error());
  forget_variables(*config);
  if (auto started = (*wiring)->start(); !started) return started;
  if (auto left = leave_admin_key(**wiring, paths, config->public_url); !left) return left;
  greet(config->public_url, *sandbox_url, paths, *new_kek);
  wait_for_stop();
  std::cerr << "\nStopping …\n";
  (*wiring)->stop();
  sandbox.stop();
  return {};
}

void run_serve(CliContext& context, const ServeOptions& options) {
  forbid_core_images();
  block_stop_signals();
  if (!options.dev && options.config.empty()) {
    return context.report(
        Error{Errc::invalid_argument, "no configuration is named",
              "evergrant serve --config /etc/evergrant/evergrant.toml, or evergrant serve --dev to try it"});
  }
  auto served = options.dev ? serve_dev(options, context.data_folder()) : serve(options);
  if (!served) context.report(served.error());
}

// --- evergrant sandbox ---

struct PlayOptions {
  std::uint16_t port = 9500;
  std::string state_file;
  std::string rotation = "sometimes";
  std::string marker;
  bool no_control = false;
};

std::optional<Rotation> rotation_from(const std::string& name) {
  const std::map<std::string, Rotation> known{{"never", Rotation::never},
                                              {"sometimes", Rotation::sometimes},
                                              {"always_with_grace", Rotation::always_with_grace},
                                              {"always_strict", Rotation::always_strict},
                                              {"self_refresh", Rotation::self_refresh}};
  const auto found = known.find(name);
  return found == known.end() ? std::nullopt : std::optional{found->second};
}

void run_sandbox(CliContext& context, const PlayOptions& options) {
  forbid_core_images();
  block_stop_signals();
  const Log log{log_format(LogStyle::automatic, on_terminal()), LogLevel::info};
  SandboxOptions setup{.control = !options.no_control, .marker = options.marker, .state_file = options.state_file};
  setup.settings.rotation = rotation_from(options.rotation).value_or(setup.settings.rotation);
  SandboxServer sandbox{setup, options.port, log};
  auto base = sandbox.start();
  if (!base) return context.report(base.error());
  std::cerr << "Sandbox provider at " << *base << " (client sandbox-client, secret sandbox-secret). Ctrl-C stops.\n";
  wait_for_stop();
  sandbox.stop();
}

}  // namespace

void add_serve_commands(CLI::App& program, CliContext& context) {
  auto options = std::make_shared<ServeOptions>();
  auto* serve_command = program.add_subcommand("serve", "Run the server");
  serve_command->add_option("--config", options->config, "evergrant.toml; with --dev, ./evergrant.toml if there is one");
  serve_command->add_flag("--dev", options->dev,
                          "On this machine only: own data folder, KEK, admin key and sandbox provider");
  serve_command->add_option("--port", options->port, "Instead of the configured one (9400)");
  serve_command->add_option("--public-url", options->public_url,
                            "With --dev: how browsers reach it, such as http://localhost:9400 (default: its address)");
  serve_command->add_option("--sandbox-port", options->sandbox_port, "With --dev: the sandbox provider's port; 0: any")
      ->capture_default_str();
  serve_command
      ->add_option("--return-url", options->return_urls,
                   "With --dev: where a browser may be sent after connecting the sandbox")
      ->capture_default_str();
  serve_command->footer(example("serve --dev"));
  serve_command->callback([&context, options] { run_serve(context, *options); });

  auto play = std::make_shared<PlayOptions>();
  auto* sandbox = program.add_subcommand("sandbox", "Run the sandbox provider alone: QuickBooks-like, misbehaves on demand");
  sandbox->add_option("--port", play->port, "Port on 127.0.0.1; 0: any")->capture_default_str();
  sandbox->add_option("--rotation", play->rotation, "How refresh tokens rotate")
      ->capture_default_str()
      ->check(CLI::IsMember({"never", "sometimes", "always_with_grace", "always_strict", "self_refresh"}));
  sandbox->add_option("--state-file", play->state_file, "Keep grants in this file from start to start");
  sandbox->add_option("--marker", play->marker, "Put before every token and code, to search for leaks");
  sandbox->add_flag("--no-control", play->no_control, "Without the control API (docs/sandbox.md)");
  sandbox->footer(example("sandbox --rotation always_strict"));
  sandbox->callback([&context, play] { run_sandbox(context, *play); });
}

}  // namespace evergrant
