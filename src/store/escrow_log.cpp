#include "store/escrow_log.hpp"

#include <algorithm>
#include <utility>

#include "store/escrow_frames.hpp"
#include "store/escrow_places.hpp"

namespace evergrant {

namespace fs = std::filesystem;

Result<EscrowLog> EscrowLog::write_new(const fs::path& path, std::string_view store, std::string_view content,
                                       const DiskRoom& room) {
  for (int slot = 0; slot < most_escrow_files; ++slot) {
    auto taken = take_file(escrow_slot(path, slot), store, PrivateFile::Mode::create);
    if (!taken || !*taken) continue;
    const auto front = (*taken)->read_front(1);
    if (!front || !front->empty()) continue;  // a dead one's: it is adopted as any other
    EscrowLog fresh{std::move(**taken), room};
    auto written = fresh.append(content);
    if (written) written = sync_folder(fresh.path().parent_path());
    const auto there = fresh.file_.is_in_place();
    if (written && there && *there) return fresh;
    (void)fresh.file_.truncate(0);  // it names an owner that lives
  }
  return fail(Errc::store_unavailable, path.string() + " was removed or replaced, and no other file can be had",
              "Leave the escrow's files alone while a server runs; see its folder's owner, mode and free space.");
}

void EscrowLog::begin_at(std::int64_t end, std::int64_t used) {
  end_ = end;
  dirty_ = std::max(end, used);
}

// What a failed write left behind is overwritten with the frames or with zeros: half a frame must not stand between good
// ones, and cutting it off would give back the room behind it.
Result<> EscrowLog::append(std::string_view frames) {
  std::string bytes{frames};
  const auto until = std::max(dirty_, end_ + std::ssize(frames));
  bytes.resize(static_cast<std::size_t>(until - end_), '\0');
  dirty_ = until;
  auto written = file_.write_at(end_, bytes);
  if (written) written = file_.sync();
  if (!written) {
    std::ranges::fill(bytes, '\0');
    (void)file_.write_at(end_, bytes);  // as well as can be: the next one overwrites it again
    return std::unexpected(Error{Errc::store_unavailable, written.error().message, written.error().hint});
  }
  end_ += std::ssize(frames);
  dirty_ = end_;
  room_ = std::max(room_, end_);
  return {};
}

// What is prepared names no owner: only its own process may say that it is dead, and it holds its file's lock, not this
// one's.
Result<> EscrowLog::replace(std::string_view head, std::string_view frames) {
  if (half_replaced_)
    return fail(Errc::store_unavailable, path().string() + ": an earlier compaction failed half-way",
                "It is put right at the next start; until then the file only grows.");
  const auto compact = beside(path(), compact_ending);
  std::error_code ignored;
  if (auto kept =
          write_whole(compact, escrow_head({.store = read_escrow_head(head).store, .owner = {}}) + std::string{frames});
      !kept) {
    fs::remove(compact, ignored);
    return kept;
  }
  std::string bytes = std::string{head} + std::string{frames};
  const auto end = std::ssize(bytes);
  bytes.resize(static_cast<std::size_t>(std::max<std::int64_t>(dirty_, end)), '\0');
  auto done = file_.write_at(0, bytes);
  if (done) done = file_.sync();
  if (!done) {
    half_replaced_ = true;
    return done;
  }
  end_ = dirty_ = end;
  room_ = std::max(room_, end_);
  fs::remove(compact, ignored);
  return sync_folder(path().parent_path());
}

Result<> EscrowLog::put_head(std::string_view head) {
  if (auto written = file_.write_at(0, head); !written) return written;
  end_ = std::max(end_, std::ssize(head));
  dirty_ = std::max(dirty_, end_);
  return file_.sync();
}

bool EscrowLog::allocate(std::int64_t size) {
  if (size <= room_) return true;
  if (disk_room_ && !disk_room_(size)) return false;
  if (!file_.allocate(size)) return false;
  room_ = size;
  return true;
}

}  // namespace evergrant
