#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <iostream>
#include <system_error>

#include "app/cli.hpp"
#include "app/process.hpp"
#include "app/token_target.hpp"
#include "base/contains.hpp"

namespace evergrant {
namespace {

constexpr int exit_not_found = 127;  // of the command, as shells have it
constexpr int exit_not_runnable = 126;
constexpr int least_descriptor = 3;
constexpr std::string_view descriptor_variable = "EVERGRANT_TOKEN_FD";

struct ExecOptions {
  TokenTarget target;
  std::string variable = "EVERGRANT_TOKEN";
  int descriptor = 0;  // none: the variable
  std::vector<std::string> command;
};

bool is_variable_name(const std::string& name) {
  const auto ordinary = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && ordinary(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return ordinary(c) || (c >= '0' && c <= '9'); });
}

// The command's environment: this one's, without the key that tokens are asked for with, and without tokens of others.
std::vector<std::string> environment_without_keys(const std::string& variable) {
  const std::vector<std::string> left_out{"EVERGRANT_API_KEY", "EVERGRANT_API_KEY_FILE", variable,
                                          std::string{descriptor_variable}, "EVERGRANT_TOKEN_EXPIRES_AT"};
  std::vector<std::string> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text{*entry};
    if (!contains(left_out, std::string{text.substr(0, text.find('='))})) kept.emplace_back(text);
  }
  return kept;
}

std::unexpected<Error> failed_to(const std::string& what) {
  return fail(Errc::internal, what + ": " + std::generic_category().message(errno));
}

// The token as a file in memory that cannot be changed any more, open as `descriptor` and read from its beginning.
Result<> offer(const std::string& token, int descriptor) {
  const int file = ::memfd_create("evergrant-token", MFD_ALLOW_SEALING | MFD_CLOEXEC);
  if (file < 0) return failed_to("no file in memory can be made");
  const bool written = ::write(file, token.data(), token.size()) == static_cast<ssize_t>(token.size()) &&
                       ::fcntl(file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0 &&
                       ::lseek(file, 0, SEEK_SET) == 0;
  if (!written) return failed_to("the token cannot be put into memory");
  if (file == descriptor) {
    if (::fcntl(file, F_SETFD, 0) != 0) return failed_to("the token's descriptor cannot be passed on");
    return {};
  }
  if (::dup2(file, descriptor) < 0) return failed_to("descriptor " + std::to_string(descriptor) + " cannot be had");
  ::close(file);
  return {};
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (auto& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

// Comes back only where the command cannot be run.
int replace_process(std::vector<std::string>& command, std::vector<std::string>& environment,
                    const InheritedState& inherited) {
  auto arguments = pointers_to(command);
  auto variables = pointers_to(environment);
  restore(inherited);
  ::execvpe(arguments.front(), arguments.data(), variables.data());
  const int reason = errno;
  std::cerr << "evergrant: " << command.front() << " cannot be run: " << std::generic_category().message(reason) << '\n';
  return reason == ENOENT ? exit_not_found : exit_not_runnable;
}

int run_with_token(CliContext& context, ExecOptions& options) {
  const auto answer = context.call("GET", token_path(options.target));
  if (!answer) return static_cast<int>(context.exit);
  std::string token = text_of(*answer, "access_token");
  auto environment = environment_without_keys(options.variable);
  environment.push_back("EVERGRANT_TOKEN_EXPIRES_AT=" + text_of(*answer, "expires_at"));
  if (options.descriptor == 0) {
    environment.push_back(options.variable + '=' + token);
  } else {
    if (auto offered = offer(token, options.descriptor); !offered) {
      context.report(offered.error());
      return static_cast<int>(context.exit);
    }
    environment.push_back(std::string{descriptor_variable} + '=' + std::to_string(options.descriptor));
  }
  wipe(token);
  return replace_process(options.command, environment, context.inherited);
}

}  // namespace

void add_exec_command(CLI::App& program, CliContext& context) {
  auto options = std::make_shared<ExecOptions>();
  auto* command = program.add_subcommand(
      "exec", "Run a command with a working token in its environment, or in a file descriptor: never on a command line");
  add_token_target(*command, options->target);
  auto* variable =
      command->add_option("--env", options->variable, "Environment variable that holds the token")->capture_default_str();
  command->add_option("--fd", options->descriptor, "Instead: the file descriptor that the token can be read from, 3 to 255")
      ->excludes(variable)
      ->check(CLI::Range(least_descriptor, 255));
  command->add_option("command", options->command, "The command and its arguments, after --")
      ->required()
      ->expected(1, 100'000);
  command->footer(
      example(R"(exec --connection con_… -- sh -c 'curl -H "Authorization: Bearer $EVERGRANT_TOKEN" https://…')") +
      "\n\nThe command takes this one's place, so signals and its exit status are its own; 126 or 127: it cannot "
      "be run.\nThe API key is not passed on. EVERGRANT_TOKEN_EXPIRES_AT says how long the token is good for.");
  command->callback([&context, options] {
    if (!is_variable_name(options->variable)) {
      throw CLI::ValidationError{"--env", "\"" + options->variable + "\" is not the name of a variable"};
    }
    context.exit = static_cast<Exit>(run_with_token(context, *options));
  });
}

}  // namespace evergrant
