#include "store/cursor.hpp"

#include "fuzz/fuzz.hpp"

using namespace evergrant;

// Whoever holds an API key may send any text as the cursor of a listing.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::bytes_of(data, size);
  const auto age = decode_age_cursor(text);
  const auto sequence = decode_sequence_cursor(text);
  if (text.empty()) {
    fuzz::demand(age && !*age && sequence && !*sequence, "the empty cursor begins a listing");
    return 0;
  }
  fuzz::demand(!(age && sequence), "one text is a position in two kinds of listing");
  if (age) fuzz::demand(*decode_age_cursor(encode_cursor(**age)) == *age, "a position survives being written again");
  if (sequence) fuzz::demand(*decode_sequence_cursor(encode_cursor(**sequence)) == *sequence, "so does a sequence");
  if (!age) fuzz::demand_sound(age.error());
  if (!sequence) fuzz::demand_sound(sequence.error());
  return 0;
}
