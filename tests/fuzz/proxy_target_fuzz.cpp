#include <algorithm>

#include "fuzz/fuzz.hpp"
#include "proxy/target.hpp"

using namespace evergrant;

namespace {

constexpr std::string_view own_realm = "9130347";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// A decoder of its own, so that the two do not share a mistake.
std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
    out += escape ? static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])) : text[i];
    if (escape) i += 2;
  }
  return out;
}

void demand_own_realm(const std::string& reading) {
  const std::string lower = to_lower_ascii(reading);
  constexpr std::string_view word = "/company/";
  for (auto at = lower.find(word); at != std::string::npos; at = lower.find(word, at + 1)) {
    const auto rest = std::string_view{lower}.substr(at + word.size());
    fuzz::demand(rest.substr(0, rest.find('/')) == own_realm, "no reading of a path names another realm");
  }
  fuzz::demand(!lower.ends_with("/company"), "no reading of a path ends where the realm belongs");
}

void demand_plain(const std::string& reading) {
  fuzz::demand(reading.starts_with('/') && !reading.starts_with("//"), "a path is no authority");
  fuzz::demand(!reading.contains('\\') && is_utf8(reading), "no backslash, and text");
  for (const auto& segment : split(reading, '/')) {
    const auto bare = segment.substr(0, segment.find(';'));
    fuzz::demand(bare != "." && bare != "..", "no dot segment");
  }
  fuzz::demand(std::ranges::none_of(reading, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }),
               "no control character");
}

}  // namespace

// The path behind …/proxy and, after a line feed, the query. First letter: with a path in inject.api_base or without.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto raw = fuzz::bytes_of(data, size);
  static constexpr std::array<std::string_view, 2> bases{"https://api.books.example", "https://api.books.example/sub"};
  Provider provider;
  provider.id = ProviderId{"books"};
  provider.inject.api_base = fuzz::pick(raw, bases);
  provider.inject.allowed_hosts = {"api.books.example"};
  provider.inject.realm_path = "/v3/company/{realm}/";
  const auto line = std::min(raw.find('\n'), raw.size());
  const auto query = line == raw.size() ? std::string_view{} : raw.substr(line + 1);
  const auto target = build_target(provider, {}, own_realm, {.path = raw.substr(0, line), .query = query, .host = ""});
  if (!target) {
    fuzz::demand_sound(target.error());
    return 0;
  }
  fuzz::demand(target->at.authority == "api.books.example" && target->at.tls, "the host is the profile's");
  fuzz::demand(std::ranges::all_of(target->target, [](char c) { return c > 0x20 && c < 0x7F; }), "one line of a request");
  std::string reading = target->path;
  for (int times = 0; times < 6; ++times) {
    demand_plain(reading);
    demand_own_realm(reading);
    reading = decoded(reading);
  }
  return 0;
}
