// A TOML file as a tree of plain values that remember their line and column. toml++ stays behind parse_toml().
// Reading the tree strictly, field by field, is base/toml_table.hpp. No state; thread-safe.
// Errors: invalid_argument, as "file:line:column: what is wrong".
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace evergrant {

enum class TomlKind : std::uint8_t { string, integer, number, boolean, date, array, table };

struct TomlMember;

struct TomlNode {
  TomlKind kind = TomlKind::table;
  std::string text;  // of a string; of a date as RFC 3339 spells it
  std::int64_t integer = 0;
  double number = 0;
  bool boolean = false;
  std::vector<TomlNode> items;      // of an array
  std::vector<TomlMember> members;  // of a table, in the order of the file
  int line = 0;
  int column = 0;
};

struct TomlMember {
  std::string name;
  TomlNode value;
};

// `file` stands in error messages only.
[[nodiscard]] Result<TomlNode> parse_toml(std::string_view text, const std::string& file);
// Files above 1 MiB are refused. `not_found` where there is none.
[[nodiscard]] Result<TomlNode> read_toml_file(const std::filesystem::path& path);

// The direct member of that name, or null.
[[nodiscard]] const TomlNode* find_member(const TomlNode& table, std::string_view name);
// Follows a dotted path as far as it leads; the node nearest to what was meant.
[[nodiscard]] const TomlNode& locate(const TomlNode& root, std::string_view dotted_path);
// Lays `over` upon `base`: tables member by member, everything else is replaced.
void merge_toml(TomlNode& base, const TomlNode& over);

}  // namespace evergrant
