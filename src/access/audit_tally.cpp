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

// What NoteText wrote, read back.
AuditEntry entry_of(std::string_view note, const Counted& counted) {
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

}  // namespace

// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): of `near_` only what was written is read
NoteText::NoteText(const AuditNote& note) {
  const std::array<std::string_view, field_count> fields{note.connection,   note.caller, note.fingerprint,
                                                         note.remote,       note.action, note.result,
                                                         note.registration, note.tenant, note.detail};
  std::size_t size = 0;
  for (const std::string_view field : fields) size += sizeof(std::uint32_t) + field.size();
  if (size > near_.size()) far_.resize(size);
  char* out = far_.empty() ? near_.data() : far_.data();
  text_ = {out, size};
  for (const std::string_view field : fields) out += put_field(out, field);
}

std::uint64_t Askers::number_of(std::string_view caller, std::string_view remote) {
  if (latest_.number != 0 && latest_.caller == caller && latest_.remote == remote) return latest_.number;
  std::string both(2 * sizeof(std::uint32_t) + caller.size() + remote.size(), '\0');
  put_field(both.data() + put_field(both.data(), caller), remote);
  const auto [found, is_new] = numbers_.try_emplace(std::move(both), next_);
  if (is_new) ++next_;
  latest_.number = 0;  // where memory runs out in between, nobody is the latest
  latest_.caller.assign(caller);
  latest_.remote.assign(remote);
  return latest_.number = found->second;
}

Askers Askers::successor() const {
  Askers made;
  made.next_ = next_;
  made.generation_ = generation_ + 1;
  return made;
}

void Counted::begin(Time now, std::int64_t its_sequence) {
  sequence = its_sequence;
  at = last_at = now;
  count = 1;
}

void Counted::again(Time now) {
  ++count;
  last_at = std::max(last_at, now);  // another thread may have looked at the clock later
}

void Counted::merge(const Counted& other) {
  sequence = std::min(sequence, other.sequence);
  at = std::min(at, other.at);
  last_at = std::max(last_at, other.last_at);
  count += other.count;
}

Counted* AuditTally::find(const NoteText& note) {
  const auto found = notes_.find(note.text());
  return found == notes_.end() ? nullptr : &found->second;
}

Counted* AuditTally::find(const RepeatKey& repeat) {
  const auto found = repeats_.find(repeat);
  return found == repeats_.end() ? nullptr : &found->second.counted;
}

Counted& AuditTally::add(const RepeatKey& repeat, const NoteText& note) {
  Repeated& added = repeats_[repeat];
  added.note = note.text();
  return added.counted;
}

void AuditTally::reserve(const Size& size) {
  notes_.reserve(std::min(size.notes, most_reserved));
  repeats_.reserve(std::min(size.repeats, most_reserved));
}

std::size_t AuditTally::merge_repeats() {
  std::size_t merged = 0;
  if (notes_.empty()) return 0;
  for (auto& [key, repeated] : repeats_) {
    if (repeated.counted.count == 0) continue;
    const auto same = notes_.find(repeated.note);
    if (same == notes_.end()) continue;
    same->second.merge(repeated.counted);
    repeated.counted.count = 0;
    ++merged;
  }
  return merged;
}

bool AuditTally::learn(Walk& written, std::size_t most, std::size_t capacity) {
  for (; most > 0 && written.at_ != written.end_ && repeats_.size() < capacity; --most, ++written.at_) {
    auto& [key, repeated] = *written.at_;
    if (repeated.counted.count > 0) repeats_.try_emplace(key, Repeated{{}, std::move(repeated.note)});
  }
  return written.at_ != written.end_ && repeats_.size() < capacity;
}

std::vector<AuditEntry> AuditTally::in_order(std::span<const AuditTally> some, std::span<const AuditTally> more) {
  using Place = std::pair<std::string_view, const Counted*>;
  std::vector<Place> order;
  for (const auto& tallies : {some, more}) {
    for (const AuditTally& tally : tallies) {
      for (const auto& [note, counted] : tally.notes_) order.emplace_back(note, &counted);
      for (const auto& [key, repeated] : tally.repeats_) order.emplace_back(repeated.note, &repeated.counted);
    }
  }
  std::erase_if(order, [](const Place& place) { return place.second->count == 0; });
  std::ranges::sort(order, {}, [](const Place& place) { return place.second->sequence; });
  std::vector<AuditEntry> made;
  made.reserve(order.size());
  for (const auto& [note, counted] : order) made.push_back(entry_of(note, *counted));
  return made;
}

}  // namespace evergrant
