#include "store/escrow_frames.hpp"

#include <algorithm>

#include "crypto/hash.hpp"

namespace evergrant {

namespace {

constexpr std::string_view first_mark = "evergrant escrow 1\n";  // its head names no store
constexpr std::string_view head_mark = "evergrant escrow 2\n";
constexpr std::string_view any_mark = "evergrant escrow ";
static_assert(first_mark.size() == head_mark.size());
constexpr std::string_view frame_mark =
    "\x89"
    "egF\r\n\x1a\n";  // not text, so that no text conversion leaves it whole
constexpr std::size_t length_bytes = 4;
constexpr std::size_t check_bytes = 16;  // of SHA-256
constexpr std::size_t frame_overhead = 8 + length_bytes + check_bytes;
constexpr std::size_t longest_payload = 64U << 20U;
constexpr char answer_kind = 'a';
constexpr char done_kind = 'd';
constexpr char owner_kind = 'o';
constexpr char settled_kind = 's';

void put_number(std::string& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>((value >> (8 * i)) & 0xffU));
}

std::uint64_t number_at(std::string_view text, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value |= std::uint64_t{static_cast<unsigned char>(text[i])} << (8 * i);
  return value;
}

void put_text(std::string& out, std::string_view text) {
  put_number(out, text.size(), length_bytes);
  out += text;
}

std::string check_of(std::string_view data) { return sha256(data).substr(0, check_bytes); }

std::string frame_of(const std::string& payload) {
  std::string frame{frame_mark};
  put_number(frame, payload.size(), length_bytes);
  frame += check_of(payload);
  frame += payload;
  return frame;
}

// Takes fields off the front; whatever is missing makes `good` false.
struct Fields {
  std::string_view rest;
  bool good = true;

  std::string_view bytes(std::size_t count) {
    if (count > rest.size()) {
      good = false;
      return {};
    }
    const auto taken = rest.substr(0, count);
    rest.remove_prefix(count);
    return taken;
  }
  std::uint64_t number(std::size_t count) {
    const auto taken = bytes(count);
    return good ? number_at(taken, count) : 0;
  }
  std::string text() {
    const auto count = number(length_bytes);
    return std::string{bytes(count)};
  }
};

std::optional<EscrowedAnswer> answer_from(Fields fields) {
  EscrowedAnswer answer;
  answer.attempt = AttemptId{fields.text()};
  answer.connection = ConnectionId{fields.text()};
  answer.fence = static_cast<Fence>(fields.number(8));
  answer.generation = static_cast<Generation>(fields.number(8));
  answer.at = from_epoch_ms(static_cast<std::int64_t>(fields.number(8)));
  answer.answer = Sealed{fields.text()};
  if (!fields.good || !fields.rest.empty()) return std::nullopt;
  return answer;
}

// The payload of the frame at `offset`; nothing: there is none, or it is not whole.
std::optional<std::string_view> payload_at(std::string_view file, std::size_t offset) {
  Fields fields{.rest = file.substr(offset)};
  if (fields.bytes(frame_mark.size()) != frame_mark || !fields.good) return std::nullopt;
  const auto length = fields.number(length_bytes);
  const auto check = fields.bytes(check_bytes);
  if (!fields.good || length > longest_payload) return std::nullopt;
  const auto payload = fields.bytes(length);
  if (!fields.good || check != check_of(payload)) return std::nullopt;
  return payload;
}

// Where the next good frame begins; npos: there is none.
std::size_t next_frame(std::string_view file, std::size_t from) {
  for (auto at = file.find(frame_mark, from); at != std::string_view::npos; at = file.find(frame_mark, at + 1)) {
    if (payload_at(file, at)) return at;
  }
  return std::string_view::npos;
}

// A write that a crash cut short leaves less than the frame says it holds, or blocks that were never written. Bytes that are
// all there and do not fit their checksum were written once, and altered since.
bool is_torn(std::string_view tail) {
  if (std::ranges::all_of(tail, [](char c) { return c == '\0'; })) return true;
  Fields fields{.rest = tail};
  const auto mark = fields.bytes(frame_mark.size());
  if (!fields.good) return frame_mark.starts_with(tail);
  const auto length = fields.number(length_bytes);
  fields.bytes(check_bytes);
  if (mark != frame_mark) return false;
  if (!fields.good || length > fields.rest.size()) return true;
  return std::ranges::all_of(tail.substr(tail.size() - std::min<std::size_t>(tail.size(), 16)),
                             [](char c) { return c == '\0'; });
}

void add_owner(std::vector<std::string>& owners, std::string owner) {
  if (!owner.empty() && std::ranges::count(owners, owner) == 0) owners.push_back(std::move(owner));
}

void apply(std::string_view payload, EscrowReading& reading) {
  if (payload.empty()) return;
  std::vector<EscrowedAnswer>& pending = reading.pending;
  Fields fields{.rest = payload.substr(1)};
  switch (payload.front()) {
    case answer_kind: {
      auto answer = answer_from(fields);
      const auto known = answer && std::ranges::find(pending, answer->attempt, &EscrowedAnswer::attempt) != pending.end();
      if (answer && !known) pending.push_back(std::move(*answer));
      break;
    }
    case done_kind: {
      const AttemptId attempt{fields.text()};
      std::erase_if(pending, [&](const EscrowedAnswer& one) { return one.attempt == attempt; });
      break;
    }
    case owner_kind: add_owner(reading.owners, fields.text()); break;
    case settled_kind: std::erase(reading.owners, fields.text()); break;
    default: break;
  }
}

std::string text_frame(char kind, std::string_view text) {
  std::string payload{kind};
  put_text(payload, text);
  return frame_of(payload);
}

}  // namespace

std::string escrow_head(const EscrowHead& head) {
  std::string bytes{head_mark};
  put_text(bytes, head.store);
  put_text(bytes, std::string_view{head.owner}.substr(0, escrow_head_bytes - bytes.size() - length_bytes - check_bytes));
  bytes.resize(escrow_head_bytes - check_bytes, '\0');
  return bytes + check_of(bytes);
}

EscrowHead read_escrow_head(std::string_view file) {
  const bool is_first = file.starts_with(first_mark);
  if (file.size() < escrow_head_bytes || (!is_first && !file.starts_with(head_mark))) return {};
  const auto bytes = file.substr(0, escrow_head_bytes - check_bytes);
  if (file.substr(bytes.size(), check_bytes) != check_of(bytes)) return {};
  Fields fields{.rest = bytes.substr(head_mark.size())};
  EscrowHead head;
  if (!is_first) head.store = fields.text();
  head.owner = fields.text();
  return head;
}

EscrowKind escrow_kind(std::string_view file) {
  const bool is_cut = file.size() <= escrow_head_bytes && std::ranges::all_of(file, [](char c) { return c == '\0'; });
  if (is_cut || file.starts_with(head_mark) || file.starts_with(first_mark)) return EscrowKind::ours;
  if (head_mark.starts_with(file) || first_mark.starts_with(file)) return EscrowKind::ours;
  return file.starts_with(any_mark) ? EscrowKind::newer : EscrowKind::foreign;
}

std::string answer_frame(const EscrowedAnswer& answer) {
  std::string payload{answer_kind};
  put_text(payload, answer.attempt.str());
  put_text(payload, answer.connection.str());
  put_number(payload, static_cast<std::uint64_t>(answer.fence), 8);
  put_number(payload, static_cast<std::uint64_t>(answer.generation), 8);
  put_number(payload, static_cast<std::uint64_t>(to_epoch_ms(answer.at)), 8);
  put_text(payload, answer.answer.bytes);
  return frame_of(payload);
}

std::string done_frame(const AttemptId& attempt) { return text_frame(done_kind, attempt.str()); }
std::string owner_frame(std::string_view owner) { return text_frame(owner_kind, owner); }
std::string settled_frame(std::string_view owner) { return text_frame(settled_kind, owner); }

EscrowReading read_escrow(std::string_view file) {
  EscrowReading reading;
  std::size_t at = std::min(escrow_head_bytes, file.size());
  reading.end = at;
  add_owner(reading.owners, read_escrow_head(file).owner);
  while (at < file.size()) {
    if (const auto payload = payload_at(file, at)) {
      apply(*payload, reading);
      at += frame_overhead + payload->size();
      reading.end = at;
      continue;
    }
    const auto next = next_frame(file, at + 1);
    if (next == std::string_view::npos) {
      if (!is_torn(file.substr(at))) {
        reading.damage.push_back({.offset = at, .bytes = file.size() - at});
        reading.end = file.size();
      }
      break;
    }
    reading.damage.push_back({.offset = at, .bytes = next - at});
    at = next;
  }
  return reading;
}

}  // namespace evergrant
