// One escrow file under its lock: frames are appended, and the whole is replaced in place. Room that was set aside on the
// disk is never given back while the file is open: requests are under way that count on it. Private to store/. Blocking, one
// thread at a time. Errors: store_unavailable or forbidden, naming the file.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "store/private_file.hpp"

namespace evergrant {

// Whether the disk gives this many bytes: a test says so; none: the disk is asked.
using DiskRoom = std::function<bool(std::int64_t)>;

class EscrowLog {
 public:
  EscrowLog(PrivateFile file, DiskRoom room) : file_{std::move(file)}, disk_room_{std::move(room)} {}

  // A new file with this content, durable, at the first place of `path` that nobody has and that holds nothing.
  [[nodiscard]] static Result<EscrowLog> write_new(const std::filesystem::path& path, std::string_view store,
                                                   std::string_view content, const DiskRoom& room);
  // Where the next frame goes in a file that is not new; behind `used` there are zeros only.
  void begin_at(std::int64_t end, std::int64_t used);
  // Synced when it succeeds. Where it fails nothing of it is read later, or all of it.
  [[nodiscard]] Result<> append(std::string_view frames);
  // The whole content, synced. It is prepared in a file of its own first, so that a crash leaves one of the two
  // whole; nothing is changed where that fails. Not after a failure in the middle of it: then what was prepared is kept, and
  // the next start puts the two together.
  [[nodiscard]] Result<> replace(std::string_view head, std::string_view frames);
  // The head alone, synced: it fits where the old one was.
  [[nodiscard]] Result<> put_head(std::string_view head);

  // Sees to it that the disk has set aside `size` bytes, counted from the beginning. False: it has no room.
  bool allocate(std::int64_t size);

  [[nodiscard]] const PrivateFile& file() const noexcept { return file_; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return file_.path(); }
  [[nodiscard]] std::int64_t end() const noexcept { return end_; }    // behind the last frame
  [[nodiscard]] std::int64_t room() const noexcept { return room_; }  // set aside, counted from the beginning

 private:
  PrivateFile file_;
  DiskRoom disk_room_;
  std::int64_t end_ = 0;
  std::int64_t dirty_ = 0;  // behind the last byte that may not be zero
  std::int64_t room_ = 0;
  bool half_replaced_ = false;
};

}  // namespace evergrant
