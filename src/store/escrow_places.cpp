#include "store/escrow_places.hpp"

#include <string>
#include <utility>

#include "store/escrow_frames.hpp"

namespace evergrant {

namespace fs = std::filesystem;

fs::path escrow_slot(const fs::path& path, int slot) {
  return slot == 0 ? path : fs::path{path.string() + '.' + std::to_string(slot)};
}

fs::path beside(const fs::path& path, std::string_view ending) { return {path.string() + std::string{ending}}; }

Result<> check_escrow(const fs::path& path, std::string_view front, std::string_view store) {
  switch (escrow_kind(front)) {
    case EscrowKind::ours: break;
    case EscrowKind::newer:
      return fail(Errc::invalid_argument,
                  path.string() + " is an escrow that a newer version of evergrant wrote: it was left as it is",
                  "Run the version that wrote it until nothing waits there (evergrant doctor), then this one.");
    case EscrowKind::foreign:
      return fail(
          Errc::invalid_argument, path.string() + " is not an escrow: it was left as it is",
          "Give [store] escrow a path that is the escrow's alone; if this was the escrow, move it away and keep it.");
  }
  const std::string named = read_escrow_head(front).store;
  if (named.empty() || store.empty() || named == store) return {};
  return fail(
      Errc::conflict,
      path.string() + " is the escrow of another store (" + named + "; this one is " + std::string{store} +
          "): it was left as it is",
      "Give each store an escrow of its own ([store] escrow). If the other store is given up for good, move the file "
      "away and keep it: the newest tokens of its connections may be in it.");
}

Result<> refuse_others(const fs::path& path, std::string_view store) {
  const auto file = PrivateFile::open(path, PrivateFile::Mode::read_only);
  if (!file && file.error().code == Errc::not_found) return {};
  if (!file) return std::unexpected(file.error());
  const auto front = file->read_front(escrow_head_bytes + 1);
  if (!front) return std::unexpected(front.error());
  return check_escrow(path, *front, store);
}

Result<std::optional<PrivateFile>> take_file(const fs::path& path, std::string_view store, PrivateFile::Mode mode) {
  constexpr int tries = 4;
  for (int i = 0; i < tries; ++i) {  // again where it was removed or replaced between opening and locking
    if (auto ours = refuse_others(path, store); !ours) return std::unexpected(ours.error());
    auto file = PrivateFile::open(path, mode);
    if (!file) return std::unexpected(file.error());
    const auto locked = file->lock();
    if (!locked) return std::unexpected(locked.error());
    if (!*locked) return std::nullopt;
    const auto there = file->is_in_place();
    if (!there) return std::unexpected(there.error());
    if (*there) return std::optional{std::move(*file)};
  }
  return std::nullopt;
}

Result<> write_whole(const fs::path& path, std::string_view content) {
  auto file = PrivateFile::open(path, PrivateFile::Mode::create);
  if (!file) return std::unexpected(file.error());
  if (auto cut = file->truncate(0); !cut) return cut;
  if (auto written = file->write_at(0, content); !written) return written;
  if (auto synced = file->sync(); !synced) return synced;
  return sync_folder(path.parent_path());
}

Result<> keep_aside(const fs::path& file, std::string_view bytes) {
  const auto aside = beside(file, damaged_ending);
  auto target = PrivateFile::open(aside, PrivateFile::Mode::create);
  if (!target) return std::unexpected(target.error());
  const auto before = target->read_all();
  if (!before) return std::unexpected(before.error());
  if (auto kept = target->write_at(static_cast<std::int64_t>(before->size()), bytes); !kept) return kept;
  if (auto kept = target->sync(); !kept) return kept;
  return sync_folder(aside.parent_path());
}

}  // namespace evergrant
