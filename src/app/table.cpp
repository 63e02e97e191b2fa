#include "app/table.hpp"

#include <algorithm>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

constexpr std::size_t widest = 60;

// Characters as a terminal shows them, near enough: UTF-8 continuation bytes take no room.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string cell(std::string_view text) { return printable(text, widest); }
std::string last_cell(std::string_view text) { return printable(text, 10 * widest); }  // nothing stands behind it

std::string line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool last = i + 1 == cells.size();
    const auto text = last ? last_cell(cells[i]) : cell(cells[i]);
    out += text;
    if (!last) out.append(widths[i] - width(text) + 2, ' ');
  }
  return out + '\n';
}

}  // namespace

std::string table(const std::vector<std::string>& headings, const std::vector<std::vector<std::string>>& rows) {
  if (rows.empty()) return {};
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < headings.size(); ++i) {
    std::size_t most = width(headings[i]);
    for (const auto& row : rows) most = std::max(most, width(cell(row.at(i))));
    widths.push_back(most);
  }
  std::string out = line(headings, widths);
  for (const auto& row : rows) out += line(row, widths);
  return out;
}

std::string fields(const std::vector<std::pair<std::string, std::string>>& rows) {
  std::size_t most = 0;
  for (const auto& [label, value] : rows) most = value.empty() ? most : std::max(most, width(label));
  std::string out;
  for (const auto& [label, value] : rows) {
    if (value.empty()) continue;
    out += label;
    out.append(most - width(label) + 2, ' ');
    out += printable(value, 400) + '\n';
  }
  return out;
}

}  // namespace evergrant
