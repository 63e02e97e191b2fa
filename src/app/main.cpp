#include <exception>
#include <iostream>

#include "app/cli.hpp"
#include "app/process.hpp"
#include "crypto/openssl_memory.hpp"
#include "store/sqlite_store.hpp"

int main(int argc, char** argv) {
  if (!evergrant::wipe_what_openssl_frees() || !evergrant::leave_sqlite_memory_uncounted()) {
    std::cerr << "evergrant: OpenSSL or SQLite was used before main, too early to tell it how to use memory. This is a bug; "
                 "please report it.\n";
    return static_cast<int>(evergrant::Exit::failed);
  }
  const auto inherited = evergrant::harden_process();
  try {
    return evergrant::run_cli(argc, argv, inherited);
  } catch (const std::exception& error) {
    std::cerr << "evergrant: unexpected: " << error.what() << "\n  This is a bug; please report it with what you did.\n";
    return static_cast<int>(evergrant::Exit::failed);
  }
}
