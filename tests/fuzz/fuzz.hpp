// What the fuzz targets share. A target is one file <name>_fuzz.cpp with LLVMFuzzerTestOneInput: it hands the bytes to a
// parser and demands what must hold whatever they are. An exception that leaves it ends the program too (docs/fuzzing.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/encoding.hpp"
#include "base/result.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace evergrant::fuzz {

inline constexpr std::size_t ellipsis = 3;  // bytes of the mark that printable() puts where it cuts

inline std::string_view bytes_of(const std::uint8_t* data, std::size_t size) {
  return size == 0 ? std::string_view{} : std::string_view{reinterpret_cast<const char*>(data), size};
}

// Aborts, so that libFuzzer keeps the input and a replay fails.
inline void demand(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

// Fit for logs and pages, and no longer than `limit` and the mark of a cut.
inline void demand_printable(std::string_view text, std::size_t limit, std::string_view what) {
  demand(text.size() <= limit + ellipsis && printable(text, text.size()) == text, what);
}

// What a caller or a log may see of a refusal. Several quotations, each cut by printable(), fit into it.
inline void demand_sound(const Error& error, std::size_t longest = 600) {
  demand(!error.message.empty(), "an error says what is wrong");
  demand(error.code != Errc::internal, "bytes from outside are no bug of ours");
  demand_printable(error.message, longest, "an error quotes what printable() would not let through");
  demand_printable(error.hint, longest, "a hint quotes what printable() would not let through");
}

// The first byte of an input picks one of several settings; a letter does in a seed. Nothing left: the first setting.
inline std::size_t pick(std::string_view& input, std::size_t count) {
  if (input.empty()) return 0;
  const auto chosen = static_cast<unsigned char>(input.front());
  input.remove_prefix(1);
  return (chosen >= 'a' ? chosen - std::size_t{'a'} : chosen) % count;
}

template <class T, std::size_t N>
const T& pick(std::string_view& input, const std::array<T, N>& settings) {
  return settings[pick(input, N)];
}

// The rest of a line that holds such letters.
inline void skip_newline(std::string_view& input) {
  if (input.starts_with('\n')) input.remove_prefix(1);
}

}  // namespace evergrant::fuzz
