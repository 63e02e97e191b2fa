#include "store/escrow_file.hpp"
#include "store/escrow_frames.hpp"
#include "store/escrow_places.hpp"

namespace evergrant {

std::vector<EscrowFileReport> inspect_escrow(const std::filesystem::path& path, std::string_view store) {
  std::vector<EscrowFileReport> reports;
  for (int slot = 0; slot < most_escrow_files; ++slot) {
    const auto name = escrow_slot(path, slot);
    auto file = PrivateFile::open(name, PrivateFile::Mode::read_only);
    if (!file) continue;
    EscrowFileReport report{.file = name};
    const auto locked = file->lock_to_look();
    report.in_use = locked && !*locked;
    const auto front = file->read_front(escrow_head_bytes + 1);
    const auto ours = front ? check_escrow(name, *front, store) : Result<>{};
    if (!ours) {
      report.foreign = ours.error();
      reports.push_back(std::move(report));
      continue;
    }
    const auto content = file->read_all();
    if (!content) continue;
    const auto reading = read_escrow(*content);
    std::error_code ignored;
    report.answers = reading.pending.size();
    report.bytes = static_cast<std::int64_t>(reading.end);
    report.room = file->allocated().value_or(0);
    report.damaged = reading.damage.size();
    report.set_aside = std::filesystem::exists(beside(name, damaged_ending), ignored);
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace evergrant
