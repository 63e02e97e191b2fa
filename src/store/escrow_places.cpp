#include "store/escrow_places.hpp"

#include <string>

#include "store/escrow_frames.hpp"
#include "store/private_file.hpp"

namespace evergrant {

namespace fs = std::filesystem;

fs::path escrow_slot(const fs::path& path, int slot) {
  return slot == 0 ? path : fs::path{path.string() + '.' + std::to_string(slot)};
}

fs::path beside(const fs::path& path, std::string_view ending) { return {path.string() + std::string{ending}}; }

Result<> refuse_foreign(const fs::path& path) {
  const auto file = PrivateFile::open(path, PrivateFile::Mode::read_only);
  if (!file && file.error().code == Errc::not_found) return {};
  if (!file) return std::unexpected(file.error());
  const auto front = file->read_front(escrow_head_bytes + 1);
  if (!front) return std::unexpected(front.error());
  if (begins_an_escrow(*front)) return {};
  return fail(Errc::invalid_argument, path.string() + " is not an escrow: it was left as it is",
              "Give [store] escrow a path that is the escrow's alone; if this was the escrow, move it away and keep it.");
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
