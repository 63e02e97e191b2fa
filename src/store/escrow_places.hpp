// Where the escrow's files lie, and what is written beside one: a compaction that is prepared, and damage that is set aside.
// Private to store/. Blocking. Errors: store_unavailable or forbidden, naming the file.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.hpp"

namespace evergrant {

inline constexpr int most_escrow_files = 64;  // processes on one store at once

// Where a compaction is prepared: whole before the file itself is touched, so that a crash leaves one of the two.
inline constexpr std::string_view compact_ending = ".compact";
inline constexpr std::string_view damaged_ending = ".damaged";

[[nodiscard]] std::filesystem::path escrow_slot(const std::filesystem::path& path, int slot);
[[nodiscard]] std::filesystem::path beside(const std::filesystem::path& path, std::string_view ending);

// Before anything is changed, its mode too: a slip in the configuration must not cost the store or a key. A value where
// there is no file. Errors, also: invalid_argument for a file that is no escrow.
[[nodiscard]] Result<> refuse_foreign(const std::filesystem::path& path);
// Durably.
[[nodiscard]] Result<> write_whole(const std::filesystem::path& path, std::string_view content);
// Behind what lies in `file`.damaged, durably.
[[nodiscard]] Result<> keep_aside(const std::filesystem::path& file, std::string_view bytes);

}  // namespace evergrant
