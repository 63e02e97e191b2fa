// Where the escrow's files lie, and what is written beside one: a compaction that is prepared, and damage that is set aside.
// Private to store/. Blocking. Errors: store_unavailable or forbidden, naming the file.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "base/result.hpp"
#include "store/private_file.hpp"

namespace evergrant {

inline constexpr int most_escrow_files = 64;  // processes on one store at once

// Where a compaction is prepared: whole before the file itself is touched, so that a crash leaves one of the two.
inline constexpr std::string_view compact_ending = ".compact";
inline constexpr std::string_view damaged_ending = ".damaged";

[[nodiscard]] std::filesystem::path escrow_slot(const std::filesystem::path& path, int slot);
[[nodiscard]] std::filesystem::path beside(const std::filesystem::path& path, std::string_view ending);

// Whether a file that begins with `front` may be read and written as an escrow of `store`. A file whose head names no store
// may; an empty `store` is any. Errors: invalid_argument (no escrow, a newer format), conflict (another store's); each says
// how to mend it.
[[nodiscard]] Result<> check_escrow(const std::filesystem::path& path, std::string_view front, std::string_view store);
// As above, of what lies at `path`, before anything is changed, its mode too: a slip in the configuration must not cost the
// store or a key, and no store takes over what another one waits for. A value where there is no file.
[[nodiscard]] Result<> refuse_others(const std::filesystem::path& path, std::string_view store);
// The file at `path`, made if there is none, with its lock, and still the one that the path names. Nothing: a process that
// lives has it. Errors, also: those of refuse_others.
[[nodiscard]] Result<std::optional<PrivateFile>> take_file(const std::filesystem::path& path, std::string_view store,
                                                           PrivateFile::Mode mode);
// Durably.
[[nodiscard]] Result<> write_whole(const std::filesystem::path& path, std::string_view content);
// Behind what lies in `file`.damaged, durably.
[[nodiscard]] Result<> keep_aside(const std::filesystem::path& file, std::string_view bytes);

}  // namespace evergrant
