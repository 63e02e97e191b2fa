#include <CLI/CLI.hpp>

#include "app/cli.hpp"

namespace evergrant {
namespace {

// "command subcommand …" for every command, with its options and subcommands as words.
void collect(const CLI::App& command, const std::string& path, std::vector<std::pair<std::string, std::string>>& rows) {
  std::string words;
  for (const auto* sub : command.get_subcommands([](const CLI::App*) { return true; })) {
    words += sub->get_name() + ' ';
    collect(*sub, path.empty() ? sub->get_name() : path + ' ' + sub->get_name(), rows);
  }
  for (const auto* option : command.get_options()) {
    for (const auto& name : option->get_lnames()) words += "--" + name + ' ';
  }
  rows.emplace_back(path, words);
}

std::string bash_script(const CLI::App& program) {
  std::vector<std::pair<std::string, std::string>> rows;
  collect(program, "", rows);
  std::string script =
      "_evergrant() {\n  local path='' word i\n  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    word=${COMP_WORDS[i]}\n    [[ $word == -* ]] || path+=${path:+ }$word\n  done\n  local words\n  case $path in\n";
  for (const auto& [path, words] : rows) {
    if (path.empty()) continue;
    script += "    '";
    script += path;
    script += "' | '";
    script += path;
    script += " '*) words='";
    script += words;
    script += "' ;;\n";
  }
  script += "    *) words='" + rows.back().second + "' ;;\n  esac\n";
  script += "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n}\n";
  return script + "complete -o default -F _evergrant evergrant\n";
}

}  // namespace

void add_completion_command(CLI::App& program, CliContext&) {
  auto* command = program.add_subcommand("completion", "Print shell completion for bash or zsh");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));
  command->footer(example("completion bash > /etc/bash_completion.d/evergrant"));
  command->callback([&program, shell] {
    const std::string zsh = *shell == "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : "";
    print(zsh + bash_script(program));
  });
}

}  // namespace evergrant
