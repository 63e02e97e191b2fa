#include "store/background_reads.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <new>
#include <thread>

namespace evergrant {

namespace {

using Steady = std::chrono::steady_clock;

constexpr int reads_in_a_row = 64;
constexpr int rest_for_work = 3;                        // so many times as long as the reads took
constexpr std::chrono::milliseconds longest_rest{100};  // a disk that hung, or a process that was stopped, is no reason

// Behind the default VFS's own file: its methods, with another xRead.
struct Extra {
  sqlite3_io_methods methods;
  const sqlite3_io_methods* own;
  BackgroundReads::Impl* reads;
};

}  // namespace

struct BackgroundReads::Impl {
  explicit Impl(std::function<bool()> asked) : give_way{std::move(asked)}, below{sqlite3_vfs_find(nullptr)}, vfs{*below} {
    static std::atomic<int> made{0};
    name = "evergrant-background-" + std::to_string(++made);
    vfs.zName = name.c_str();
    vfs.szOsFile = extra_at() + static_cast<int>(sizeof(Extra));
    vfs.pAppData = this;
    vfs.xOpen = &Impl::open;
    sqlite3_vfs_register(&vfs, 0);
  }

  // The other methods of the VFS are the default one's and take its data: it is asked with its own handle.
  static int open(sqlite3_vfs* self, const char* path, sqlite3_file* file, int flags, int* flags_out) {
    auto& reads = *static_cast<Impl*>(self->pAppData);
    const int opened = reads.below->xOpen(reads.below, path, file, flags, flags_out);
    if (opened != SQLITE_OK || file->pMethods == nullptr) return opened;
    auto* extra = new (reads.extra_of(file)) Extra{.methods = *file->pMethods, .own = file->pMethods, .reads = &reads};
    extra->methods.xRead = (flags & SQLITE_OPEN_MAIN_DB) != 0 ? &Impl::read : extra->own->xRead;
    file->pMethods = &extra->methods;
    return SQLITE_OK;
  }

  static int read(sqlite3_file* file, void* into, int size, sqlite3_int64 offset) {
    // Its first member is what pMethods points to.
    const auto* extra =
        reinterpret_cast<const Extra*>(file->pMethods);  // NOLINT(cppcoreguidelines-pro-type-reinterpret-cast)
    if (!extra->reads->may_go_on()) return SQLITE_IOERR_READ;
    const int done = extra->own->xRead(file, into, size, offset);
    // The check would take a page that could not be read for a damaged one.
    if (done != SQLITE_OK && done != SQLITE_IOERR_SHORT_READ) extra->reads->refused = true;
    return done;
  }

  bool may_go_on() {
    if (refused || give_way()) {
      refused = true;
      return false;
    }
    if (++count % reads_in_a_row == 0) {
      const Steady::duration rest = (Steady::now() - since) * rest_for_work;
      std::this_thread::sleep_for(std::min<Steady::duration>(rest, longest_rest));
      since = Steady::now();
    }
    return true;
  }

  [[nodiscard]] int extra_at() const {
    constexpr int alignment = alignof(std::max_align_t);
    return (below->szOsFile + alignment - 1) / alignment * alignment;
  }
  [[nodiscard]] void* extra_of(sqlite3_file* file) const {
    return reinterpret_cast<std::byte*>(file) + extra_at();  // NOLINT(cppcoreguidelines-pro-type-reinterpret-cast)
  }

  std::function<bool()> give_way;
  sqlite3_vfs* below;
  sqlite3_vfs vfs;
  std::string name;
  std::atomic<bool> refused{false};
  int count = 0;
  Steady::time_point since = Steady::now();
};

BackgroundReads::BackgroundReads(std::function<bool()> give_way) : impl_{std::make_unique<Impl>(std::move(give_way))} {}

BackgroundReads::~BackgroundReads() { sqlite3_vfs_unregister(&impl_->vfs); }

const std::string& BackgroundReads::name() const { return impl_->name; }

bool BackgroundReads::gave_way() const { return impl_->refused; }

}  // namespace evergrant
