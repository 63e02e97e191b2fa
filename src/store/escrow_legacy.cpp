#include "store/escrow_legacy.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "store/escrow_frames.hpp"
#include "store/escrow_places.hpp"

namespace evergrant {

namespace {

Result<> set_damage_aside(const std::filesystem::path& path, std::string_view content,
                          const std::vector<EscrowDamage>& damage, const Log& log) {
  if (damage.empty()) return {};
  std::string bytes;
  for (const auto& [offset, size] : damage) {
    log.error("escrow_record_damaged", {{"file", path.string()},
                                        {"offset", offset},
                                        {"bytes", size},
                                        {"effect", "its connection is recovered as its rotation allows"}});
    bytes += content.substr(offset, size);
  }
  return keep_aside(path, bytes);
}

// Nothing: there is none, or a crash cut it short before the file itself was touched.
Result<std::optional<EscrowReading>> interrupted(const std::filesystem::path& path, std::string_view store, const Log& log) {
  const auto place = beside(path, compact_ending);
  auto file = PrivateFile::open(place, PrivateFile::Mode::read_only);
  if (!file) return std::nullopt;
  const auto content = file->read_all();
  if (!content) return std::nullopt;
  if (auto ours = check_escrow(place, *content, store); !ours) return std::unexpected(ours.error());
  EscrowReading reading = read_escrow(*content);
  if (content->size() < escrow_head_bytes || reading.end < content->size()) return std::nullopt;
  log.warning("escrow_compaction_interrupted", {{"file", path.string()}, {"answers", reading.pending.size()}});
  return reading;
}

void add(Legacy& left, EscrowReading prepared) {
  std::erase_if(prepared.pending, [&](const EscrowedAnswer& one) {
    return std::ranges::count(left.answers, one.attempt, &EscrowedAnswer::attempt) > 0;
  });
  std::erase_if(prepared.owners, [&](const std::string& one) { return std::ranges::count(left.owners, one) > 0; });
  left.only_prepared = frames_of(prepared.owners) + frames_of(prepared.pending);
  std::ranges::move(prepared.pending, std::back_inserter(left.answers));
  std::ranges::move(prepared.owners, std::back_inserter(left.owners));
}

}  // namespace

std::string frames_of(const std::vector<EscrowedAnswer>& answers) {
  std::string frames;
  for (const EscrowedAnswer& answer : answers) frames += answer_frame(answer);
  return frames;
}

std::string frames_of(const std::vector<std::string>& owners) {
  std::string frames;
  for (const std::string& owner : owners) frames += owner_frame(owner);
  return frames;
}

Result<Legacy> read_legacy(const PrivateFile& file, std::string_view store, std::string_view owner, const Log& log) {
  const auto content = file.read_all();
  if (!content) return std::unexpected(content.error());
  if (auto ours = check_escrow(file.path(), *content, store); !ours) return std::unexpected(ours.error());
  auto prepared = interrupted(file.path(), store, log);
  if (!prepared) return std::unexpected(prepared.error());
  EscrowReading reading = read_escrow(*content);
  Legacy left{.answers = std::move(reading.pending),
              .owners = std::move(reading.owners),
              .only_prepared = {},
              .end = static_cast<std::int64_t>(reading.end),
              .used = static_cast<std::int64_t>(content->find_last_not_of('\0') + 1),  // npos + 1: nothing
              .damaged = *prepared ? 0 : reading.damage.size()};
  if (!*prepared && reading.damage.empty() && left.used > left.end) {
    log.warning("escrow_tail_torn", {{"file", file.path().string()}, {"bytes", left.used - left.end}});
  }
  if (left.damaged > 0) {
    if (auto kept = set_damage_aside(file.path(), *content, reading.damage, log); !kept)
      return std::unexpected(kept.error());
  }
  if (*prepared) add(left, std::move(**prepared));
  std::erase(left.owners, owner);  // a copy of its own file
  return left;
}

}  // namespace evergrant
