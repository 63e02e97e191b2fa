// What a TokenManager stands on. Each has a shipped kind that is made here; a Clock, an HttpTransport and a KekSource may be
// the application's own. The interface of stores is not public yet: there is the one on SQLite.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "evergrant/clock.hpp"
#include "evergrant/error.hpp"
#include "evergrant/http_transport.hpp"
#include "evergrant/inline_namespace.hpp"
#include "evergrant/kek_source.hpp"
#include "evergrant/options.hpp"

namespace evergrant {
EVERGRANT_INLINE namespace library {
  // Where connections and their sealed tokens are kept. One TokenManager uses it; several processes may each open the same
  // file.
  class Store {
   public:
    struct Impl;
    explicit Store(std::unique_ptr<Impl> impl);
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;
    ~Store();
    [[nodiscard]] Impl& impl() noexcept { return *impl_; }  // for the library itself

   private:
    std::unique_ptr<Impl> impl_;
  };

  struct SqliteOptions {
    std::filesystem::path path;  // a file; made with mode 0600. Beside it: <path>.mark and <path>-escrow
    // `application`: each operation runs on the thread of the engine, which waits for the disk meanwhile. `own`: a thread
    // that writes many operations in one transaction, and two that read.
    Threads threads = Threads::application;
  };
  // Opens, checks and, where it is of an older version, migrates. Blocks for the disk. Errors: invalid_argument (a damaged
  // file, a newer version's, no permission), store_unavailable, each with what to do.
  [[nodiscard]] Result<std::unique_ptr<Store>> open_sqlite_store(const SqliteOptions& options);

  // A key-encryption key of 32 bytes held in this process: 64 hex digits or 43 characters of base64url.
  // Errors: invalid_argument, never with the text.
  [[nodiscard]] Result<std::unique_ptr<KekSource>> kek_from_text(const Secret& text);
  // Errors: key_unavailable (no such file), invalid_argument (no key, or one that others than its owner may read).
  [[nodiscard]] Result<std::unique_ptr<KekSource>> kek_from_file(const std::filesystem::path& path);
  // Errors: key_unavailable (not set), invalid_argument.
  [[nodiscard]] Result<std::unique_ptr<KekSource>> kek_from_environment(std::string_view variable);
  // A new one, to be kept outside the store and its backups.
  [[nodiscard]] Secret generate_kek();

  struct Seams {
    std::unique_ptr<Store> store;
    std::unique_ptr<KekSource> kek;
    std::vector<std::unique_ptr<KekSource>> older_keks;  // they only open what they wrapped
    std::unique_ptr<HttpTransport> http;                 // null: libcurl
    std::unique_ptr<Clock> clock;                        // null: the machine's
  };

}  // namespace library
}  // namespace evergrant
