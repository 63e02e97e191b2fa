// What a library::Store holds: the store, and where it lies. Private to library/. Values; not synchronised.
#pragma once

#include <filesystem>
#include <memory>

#include "base/log.hpp"
#include "evergrant/seams.hpp"
#include "store/store.hpp"

namespace evergrant::library {

struct Store::Impl {
  std::filesystem::path path;
  Threads threads = Threads::application;
  std::unique_ptr<Log> log = Log::silent();
  std::unique_ptr<evergrant::Store> store;
};

}  // namespace evergrant::library
