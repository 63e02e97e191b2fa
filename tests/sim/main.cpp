// sim [--seeds N] [--from S] [--verbose] [--twice]   runs seeds S … S+N-1; stops at the first violation
// sim --trace SEED                                   one seed, every line of it
// sim --break NAME [--seeds N] [--from S]            with a rule broken on purpose: good only if the oracle names it
// sim --no-escrow …                                  as --break no_escrow
// sim --year [CONNECTIONS]                           a year of many connections with few faults
// Exit status: 0 as hoped, 1 a violation (or none, with --break), 2 wrong usage.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sim/simulation.hpp"
#include "sim/year.hpp"

namespace evergrant::sim {
namespace {

struct Arguments {
  std::uint64_t seeds = 100;
  std::uint64_t from = 1;
  bool verbose = false;
  bool twice = false;
  std::optional<std::uint64_t> trace;
  std::optional<BreakageName> broken;
  std::optional<std::uint64_t> year;
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<BreakageName> breakage(std::string_view name) {
  for (const BreakageName& one : breakages) {
    if (one.name == name) return one;
  }
  return std::nullopt;
}

std::optional<Arguments> parse(std::span<char*> words) {
  Arguments arguments;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const std::string_view value = i + 1 < words.size() ? words[i + 1] : "";
    if (word == "--verbose") {
      arguments.verbose = true;
    } else if (word == "--twice") {
      arguments.twice = true;
    } else if (word == "--no-escrow") {
      arguments.broken = breakage("no_escrow");
    } else if (word == "--year") {
      const auto connections = number(value);
      if (connections) ++i;
      arguments.year = connections.value_or(10'000);
    } else if (word == "--break") {
      arguments.broken = breakage(value);
      if (!arguments.broken) return std::nullopt;
      ++i;
    } else {
      const auto count = number(value);
      if (!count) return std::nullopt;
      ++i;
      if (word == "--seeds")
        arguments.seeds = *count;
      else if (word == "--from")
        arguments.from = *count;
      else if (word == "--trace")
        arguments.trace = *count;
      else
        return std::nullopt;
    }
  }
  return arguments;
}

int usage() {
  std::fputs(
      "sim [--seeds N] [--from S] [--verbose] [--twice] | --trace SEED | --break NAME [--seeds N] | --no-escrow | "
      "--year [CONNECTIONS]\n"
      "NAME is one of:",
      stderr);
  for (const BreakageName& one : breakages) std::fprintf(stderr, " %s", std::string{one.name}.c_str());
  std::fputc('\n', stderr);
  return 2;
}

Outcome run(std::uint64_t seed, const SimOptions& options) {
  Simulation simulation{seed, options};
  return simulation.run();
}

void report(std::uint64_t seed, const Outcome& outcome, const SimOptions& options) {
  std::printf("seed %llu: %s is violated: %s\nscenario: %s\n", static_cast<unsigned long long>(seed),
              outcome.violation->invariant.c_str(), outcome.violation->detail.c_str(), outcome.scenario.c_str());
  for (const std::string& line : outcome.last_lines) std::printf("  %s\n", line.c_str());
  std::string broken;
  for (const BreakageName& one : breakages) {
    if (one.breakage == options.breakage) broken = " --break " + std::string{one.name};
  }
  std::printf("reproduce: ./test sim --trace %llu%s\n", static_cast<unsigned long long>(seed), broken.c_str());
}

void add(Counters& sum, const Counters& one) {
  sum.sends += one.sends;
  sum.mints_kept += one.mints_kept;
  sum.reads += one.reads;
  sum.reads_failed += one.reads_failed;
  sum.deaths += one.deaths;
  sum.freezes += one.freezes;
  sum.jumps += one.jumps;
  sum.faults += one.faults;
  sum.escrowed += one.escrowed;
  sum.revived += one.revived;
  sum.lost_by_nature += one.lost_by_nature;
}

void print(const char* what, const Counters& counters) {
  std::printf(
      "%s: %lld token requests, %lld callers (%lld refused), %lld other faults, %lld deaths, %lld stops, %lld clock "
      "jumps, %lld answers escrowed, %lld connections revived, %lld grants lost by nature\n",
      what, static_cast<long long>(counters.sends), static_cast<long long>(counters.reads),
      static_cast<long long>(counters.reads_failed), static_cast<long long>(counters.faults),
      static_cast<long long>(counters.deaths), static_cast<long long>(counters.freezes),
      static_cast<long long>(counters.jumps), static_cast<long long>(counters.escrowed),
      static_cast<long long>(counters.revived), static_cast<long long>(counters.lost_by_nature));
}

int run_seeds(const Arguments& arguments) {
  const SimOptions options;
  Counters sum;
  for (std::uint64_t seed = arguments.from; seed < arguments.from + arguments.seeds; ++seed) {
    const Outcome outcome = run(seed, options);
    add(sum, outcome.counters);
    if (arguments.verbose) {
      std::printf("seed %llu: %s; %llu steps, hash %016llx\n", static_cast<unsigned long long>(seed),
                  outcome.scenario.c_str(), static_cast<unsigned long long>(outcome.steps),
                  static_cast<unsigned long long>(outcome.hash));
    }
    if (outcome.violation) {
      report(seed, outcome, options);
      return 1;
    }
    if (arguments.twice && run(seed, options).hash != outcome.hash) {
      std::printf("seed %llu: a second run went another way\n", static_cast<unsigned long long>(seed));
      return 1;
    }
  }
  const std::string what = std::to_string(arguments.seeds) + " seeds from " + std::to_string(arguments.from);
  print(what.c_str(), sum);
  return 0;
}

// Broken in one place, other things go wrong too: some seed has to name the rule itself.
int run_broken(const Arguments& arguments) {
  const SimOptions options{.breakage = arguments.broken->breakage};
  const std::string name{arguments.broken->name};
  for (std::uint64_t seed = arguments.from; seed < arguments.from + arguments.seeds; ++seed) {
    const Outcome outcome = run(seed, options);
    if (!outcome.violation) continue;
    if (arguments.verbose) report(seed, outcome, options);
    std::printf("%s: seed %llu, %s: %s\n", name.c_str(), static_cast<unsigned long long>(seed),
                outcome.violation->invariant.c_str(), outcome.violation->detail.c_str());
    if (outcome.violation->invariant == arguments.broken->invariant) return 0;
  }
  std::printf("%s: %llu seeds, and nobody named %s\n", name.c_str(), static_cast<unsigned long long>(arguments.seeds),
              std::string{arguments.broken->invariant}.c_str());
  return 1;
}

int run_traced(const Arguments& arguments) {
  const SimOptions options{.trace = true, .breakage = arguments.broken ? arguments.broken->breakage : Breakage::none};
  const Outcome outcome = run(*arguments.trace, options);
  std::printf("%s\n%llu steps, hash %016llx\n", outcome.scenario.c_str(), static_cast<unsigned long long>(outcome.steps),
              static_cast<unsigned long long>(outcome.hash));
  print("this seed", outcome.counters);
  if (outcome.violation) std::printf("%s: %s\n", outcome.violation->invariant.c_str(), outcome.violation->detail.c_str());
  return outcome.violation ? 1 : 0;
}

}  // namespace
}  // namespace evergrant::sim

int main(int argc, char** argv) {
  using namespace evergrant::sim;
  const auto arguments = parse({argv, static_cast<std::size_t>(argc)});
  if (!arguments) return usage();
  if (arguments->trace) return run_traced(*arguments);
  if (arguments->year) return run_year(*arguments->year);
  return arguments->broken ? run_broken(*arguments) : run_seeds(*arguments);
}
