#include "oauth/profile.hpp"

#include "fuzz/fuzz.hpp"
#include "oauth/profile_check.hpp"

using namespace evergrant;

namespace {

void demand_sound_lines(const Error& error) {
  for (const auto& line : split(error.message, '\n')) {
    fuzz::demand_printable(line, 1000, "a line quotes the file as it is");
    fuzz::demand(line.starts_with("fuzz.toml:"), "each line says where");
  }
}

}  // namespace

// A provider profile: a person's own file, so it may be anything, and each fault is told with its place.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::bytes_of(data, size);
  const auto read = parse_profile(text, "fuzz.toml");
  if (!read) {
    fuzz::demand(read.error().code == Errc::invalid_argument, "a bad file is its author's fault");
    demand_sound_lines(read.error());
    return 0;
  }
  fuzz::demand(!read->empty() && read->front().environment == "production", "the file alone is production");
  for (const Provider& provider : *read) {
    fuzz::demand(check_profile(provider).empty(), "what is read is sound");
    fuzz::demand(provider.id.str() == "fuzz", "the file's name is the id");
  }
  return 0;
}
