#include <exception>
#include <iostream>

#include "app/cli.hpp"
#include "app/process.hpp"

int main(int argc, char** argv) {
  const auto inherited = evergrant::harden_process();
  try {
    return evergrant::run_cli(argc, argv, inherited);
  } catch (const std::exception& error) {
    std::cerr << "evergrant: unexpected: " << error.what() << "\n  This is a bug; please report it with what you did.\n";
    return static_cast<int>(evergrant::Exit::failed);
  }
}
