#include "crypto/hash.hpp"
#include "fuzz/fuzz.hpp"
#include "store/escrow_frames.hpp"

using namespace evergrant;

namespace {

// A frame with a good checksum, which no mutation would find: so the payloads are reached too.
std::string framed(std::string_view payload) {
  std::string frame =
      "\x89"
      "egF\r\n\x1a\n";
  for (unsigned shift = 0; shift < 32; shift += 8) frame.push_back(static_cast<char>(payload.size() >> shift & 0xffU));
  return frame + sha256(payload).substr(0, 16) + std::string{payload};
}

// A file of frames around the pieces of `input`: a byte for the length of each, then so much.
std::string file_of(std::string_view input) {
  std::string file = escrow_head({.store = "s", .owner = "node_1"});
  while (!input.empty()) {
    const auto length = static_cast<unsigned char>(input.front());
    input.remove_prefix(1);
    const auto payload = input.substr(0, length);
    input.remove_prefix(payload.size());
    file += framed(payload);
  }
  return file;
}

void demand_sound(const EscrowReading& reading, std::size_t size) {
  fuzz::demand(reading.end <= size, "the end lies in the file");
  std::size_t before = 0;
  for (const auto& damage : reading.damage) {
    fuzz::demand(damage.bytes > 0 && damage.offset >= before && damage.offset + damage.bytes <= size,
                 "damage lies in the file");
    before = damage.offset + damage.bytes;
  }
  for (const auto& owner : reading.owners) fuzz::demand(!owner.empty(), "an owner has a name");
}

// What was read is written as a file of its own and read again.
void demand_round_trip(const EscrowReading& reading) {
  std::string file = escrow_head({.store = "s", .owner = {}});
  for (const auto& owner : reading.owners) file += owner_frame(owner);
  for (const auto& answer : reading.pending) file += answer_frame(answer);
  const auto again = read_escrow(file);
  fuzz::demand(again.pending == reading.pending && again.owners == reading.owners, "an escrow survives being written again");
  fuzz::demand(again.damage.empty() && again.end == file.size(), "what we write is whole");
}

}  // namespace

// An escrow file after a crash, a bad disk, or a person. First letter: `a`: the bytes are the file; `b`: they are payloads.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto input = fuzz::bytes_of(data, size);
  const bool is_raw = fuzz::pick(input, 2) == 0;
  const std::string file = is_raw ? std::string{input} : file_of(input);
  (void)escrow_kind(file);
  (void)read_escrow_head(file);
  const auto reading = read_escrow(file);
  demand_sound(reading, file.size());
  fuzz::demand(is_raw || reading.damage.empty(), "a frame with a good checksum is no damage");
  demand_round_trip(reading);
  return 0;
}
