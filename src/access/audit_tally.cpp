#include "access/audit_tally.hpp"

#include <algorithm>
#include <cstring>

namespace evergrant {
namespace {

constexpr std::size_t field_count = 9;
constexpr std::size_t most_reserved = 4096;

std::size_t put_field(char* out, std::string_view field) {
  const auto length = static_cast<std::uint32_t>(field.size());
  std::memcpy(out, &length, sizeof length);
  if (!field.empty()) std::memcpy(out + sizeof length, field.data(), field.size());
  return sizeof length + field.size();
}

}  // namespace

// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): of `near_` only what was written is read
NoteText::NoteText(const AuditNote& note) {
  const std::array<std::string_view, field_count> fields{note.connection, note.caller, note.fingerprint,
                                                         note.remote,     note.action, note.result,
                                                         note.registration, note.tenant, note.detail};
  std::size_t size = 0;
  for (const std::string_view field : fields) size += sizeof(std::uint32_t) + field.size();
  if (size > near_.size()) far_.resize(size);
  char* out = far_.empty() ? near_.data() : far_.data();
  text_ = {out, size};
  for (const std::string_view field : fields) out += put_field(out, field);
}

void AuditTally::Counted::again(Time now) {
  ++count;
  last_at = std::max(last_at, now);  // another thread may have looked at the clock later
}

void AuditTally::Counted::merge(const Counted& other) {
  sequence = std::min(sequence, other.sequence);
  at = std::min(at, other.at);
  last_at = std::max(last_at, other.last_at);
  count += other.count;
}

// What NoteText wrote, read back.
AuditEntry AuditTally::entry_of(std::string_view note, const Counted& counted) {
  std::array<std::string, field_count> fields;
  for (std::string& field : fields) {
    std::uint32_t length = 0;
    std::memcpy(&length, note.data(), sizeof length);
    field = note.substr(sizeof length, length);
    note.remove_prefix(sizeof length + length);
  }
  auto& [connection, caller, fingerprint, remote, action, result, registration, tenant, detail] = fields;
  AuditEntry entry;
  entry.sequence = counted.sequence;
  entry.at = counted.at;
  entry.caller = CallerId{std::move(caller)};
  entry.action = std::move(action);
  entry.result = std::move(result);
  entry.registration = RegistrationId{std::move(registration)};
  entry.tenant = TenantId{std::move(tenant)};
  entry.connection = ConnectionId{std::move(connection)};
  entry.fingerprint = std::move(fingerprint);
  entry.detail = std::move(detail);
  entry.remote = std::move(remote);
  entry.count = counted.count;
  if (counted.count > 1) entry.last_at = counted.last_at;
  return entry;
}

AuditTally::Key AuditTally::key_of(const AuditRepeat& repeat) {
  if (latest_.number == 0 || latest_.caller != repeat.caller || latest_.remote != repeat.remote) {
    std::string both(2 * sizeof(std::uint32_t) + repeat.caller.size() + repeat.remote.size(), '\0');
    put_field(both.data() + put_field(both.data(), repeat.caller), repeat.remote);
    const auto found = askers_.try_emplace(std::move(both), askers_.size() + 1).first;
    latest_ = {std::string{repeat.caller}, std::string{repeat.remote}, found->second};
  }
  return {repeat.subject, latest_.number};
}

bool AuditTally::count(const NoteText& note, Time now) {
  const auto found = notes_.find(note.text());
  if (found == notes_.end()) return false;
  found->second.again(now);
  return true;
}

bool AuditTally::count(const AuditRepeat& repeat, Time now) {
  const auto found = repeats_.find(key_of(repeat));
  if (found == repeats_.end()) return false;
  found->second.counted.again(now);
  return true;
}

void AuditTally::add(const NoteText& note, Time now, std::int64_t sequence) {
  notes_.emplace(note.text(), Counted{sequence, now, now});
}

void AuditTally::add(const AuditRepeat& repeat, const NoteText& note, Time now, std::int64_t sequence) {
  repeats_.emplace(key_of(repeat), Repeated{Counted{sequence, now, now}, std::string{note.text()}});
}

void AuditTally::reserve(const Size& size) {
  notes_.reserve(std::min(size.notes, most_reserved));
  repeats_.reserve(std::min(size.repeats, most_reserved));
}

std::size_t AuditTally::merge_repeats() {
  std::size_t merged = 0;
  notes_.reserve(notes_.size() + repeats_.size());
  for (auto& [key, repeated] : repeats_) {
    const auto [place, is_new] = notes_.try_emplace(std::move(repeated.note), repeated.counted);
    if (is_new) continue;
    place->second.merge(repeated.counted);
    ++merged;
  }
  repeats_.clear();
  return merged;
}

std::vector<AuditEntry> AuditTally::in_order(std::span<const AuditTally> tallies) {
  std::vector<const decltype(notes_)::value_type*> order;
  for (const AuditTally& tally : tallies) {
    for (const auto& note : tally.notes_) order.push_back(&note);
  }
  std::ranges::sort(order, {}, [](const auto* note) { return note->second.sequence; });
  std::vector<AuditEntry> made;
  made.reserve(order.size());
  for (const auto* note : order) made.push_back(entry_of(note->first, note->second));
  return made;
}

}  // namespace evergrant
