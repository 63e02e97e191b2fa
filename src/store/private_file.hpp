// A file that only this user may open, with the few operations that durability needs. Private to store/.
// One thread at a time. Errors: store_unavailable or forbidden, naming the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace evergrant {

class PrivateFile {
 public:
  enum class Mode : std::uint8_t { create, existing, read_only };
  // Errors, also: not_found where it must exist.
  [[nodiscard]] static Result<PrivateFile> open(const std::filesystem::path& path, Mode mode);
  PrivateFile(PrivateFile&& other) noexcept;
  PrivateFile& operator=(PrivateFile&& other) noexcept;
  PrivateFile(const PrivateFile&) = delete;
  PrivateFile& operator=(const PrivateFile&) = delete;
  ~PrivateFile();

  // False: a process that lives has it. The lock ends with this object, and with the process.
  [[nodiscard]] Result<bool> lock();
  // As `lock`, beside others who only look.
  [[nodiscard]] Result<bool> lock_to_look();
  [[nodiscard]] Result<std::string> read_all() const;
  // Its beginning: at most so many bytes.
  [[nodiscard]] Result<std::string> read_front(std::size_t most) const;
  [[nodiscard]] Result<> write_at(std::int64_t offset, std::string_view bytes);
  [[nodiscard]] Result<> truncate(std::int64_t size);
  [[nodiscard]] Result<> sync();
  // Blocks up to `size` are this file's from now on, without a sync. Where the file system cannot do that, zeros are written
  // behind what is there, and synced: then the file becomes longer. False: the disk has no room.
  [[nodiscard]] bool allocate(std::int64_t size);
  // Bytes of the blocks that are this file's.
  [[nodiscard]] Result<std::int64_t> allocated() const;
  // Whether its path still names this file: it may have been removed, or another put in its place.
  [[nodiscard]] Result<bool> is_in_place() const;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  PrivateFile(int descriptor, std::filesystem::path path) : descriptor_{descriptor}, path_{std::move(path)} {}
  [[nodiscard]] Result<bool> take_lock(int kind);
  [[nodiscard]] bool fill_to(std::int64_t size);
  int descriptor_ = -1;
  std::filesystem::path path_;
};

// Makes a new or a removed name in `folder` durable.
[[nodiscard]] Result<> sync_folder(const std::filesystem::path& folder);

}  // namespace evergrant
