// Tables for people. Pure.
#pragma once

#include <string>
#include <vector>

namespace evergrant {

// Columns as wide as their widest cell, at most 60 characters (the last one 600); a line of headings first. "" for no rows.
[[nodiscard]] std::string table(const std::vector<std::string>& headings, const std::vector<std::vector<std::string>>& rows);
// "label  value" lines with the values aligned; empty values are left out.
[[nodiscard]] std::string fields(const std::vector<std::pair<std::string, std::string>>& rows);

}  // namespace evergrant
