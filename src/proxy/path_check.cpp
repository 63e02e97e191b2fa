#include "proxy/path_check.hpp"

#include <algorithm>
#include <array>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_path = 8U << 10U;
constexpr std::size_t most_readings = 4;  // itself, and decoded three times

std::unexpected<Error> path_refused(std::string what, std::string hint) {
  return fail(Errc::invalid_argument, "the path " + std::move(what), std::move(hint));
}

bool is_path_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

bool is_hex_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool has_escape(std::string_view text) {
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 1)) {
    if (at + 2 < text.size() && is_hex_digit(text[at + 1]) && is_hex_digit(text[at + 2])) return true;
  }
  return false;
}

// What is decoded for the second time may hold a lone percent sign: it was one.
std::string decode_escapes(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool escape = text[at] == '%' && at + 2 < text.size() && is_hex_digit(text[at + 1]) && is_hex_digit(text[at + 2]);
    if (!escape) {
      out += text[at];
      continue;
    }
    out += percent_decode(text.substr(at, 3)).value_or("");
    at += 2;
  }
  return out;
}

bool is_dot_segment(std::string_view segment) {
  const auto bare = without_parameters(segment);
  return bare == "." || bare == "..";
}

// "https:" and whatever may follow: some programs take such a path for a whole URL.
bool begins_with_scheme(std::string_view segment) {
  const auto colon = segment.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string scheme = to_lower_ascii(segment.substr(0, colon));
  return scheme == "http" || scheme == "https" || scheme == "ws" || scheme == "wss" || scheme == "file" || scheme == "ftp";
}

// Letters and marks that some servers turn into a dot, a slash or a percent sign before they look at the path.
bool has_disguised_separator(std::string_view text) {
  static constexpr std::array<std::string_view, 11> disguised{"\xEF\xBC\x8E" /* fullwidth full stop */,
                                                              "\xEF\xBC\x8F" /* fullwidth solidus */,
                                                              "\xEF\xBC\xBC" /* fullwidth backslash */,
                                                              "\xEF\xBC\x85" /* fullwidth percent */,
                                                              "\xE2\x80\xA4" /* one dot leader */,
                                                              "\xE2\x80\xA5" /* two dot leader */,
                                                              "\xE2\x88\x95" /* division slash */,
                                                              "\xE2\x81\x84" /* fraction slash */,
                                                              "\xE2\xA7\xB8" /* big solidus */,
                                                              "\xEF\xB9\xA8" /* small reverse solidus */,
                                                              "\xEF\xB9\x92" /* small full stop */};
  return std::ranges::any_of(disguised, [&](std::string_view mark) { return text.contains(mark); });
}

Result<> check_reading(std::string_view reading, bool as_it_stands) {
  if (!reading.starts_with('/')) return path_refused("does not begin with a slash", "write it as /…/proxy/path/at/the/api");
  if (reading.contains('\\')) return path_refused("holds a backslash", "separate segments with '/'");
  if (has_disguised_separator(reading))
    return path_refused("holds a mark that can be read as a dot or a slash", "leave it out");
  const auto segments = path_segments(reading);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (is_dot_segment(segments[i]))
      return path_refused("holds a dot segment, maybe encoded", "write the path that it leads to");
    const bool last = i + 1 == segments.size();
    if (as_it_stands && segments[i].empty() && !last)
      return path_refused("holds an empty segment ('//')", "write one slash");
  }
  if (segments[0].starts_with('@') || begins_with_scheme(segments[0])) {
    return path_refused("names a host", "only the path goes here; the profile's inject.api_base says the host");
  }
  if (reading.starts_with("//")) return path_refused("names a host", "write one slash at its beginning");
  return {};
}

}  // namespace

std::vector<std::string_view> path_segments(std::string_view path) {
  std::vector<std::string_view> segments;
  path.remove_prefix(std::min<std::size_t>(1, path.size()));
  while (true) {
    const auto end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    if (end == path.size()) return segments;
    path.remove_prefix(end + 1);
  }
}

std::string_view without_parameters(std::string_view segment) noexcept { return segment.substr(0, segment.find(';')); }

Result<std::vector<std::string>> readings_of(std::string_view path) {
  if (path.size() > longest_path) return path_refused("is longer than 8 KiB", "send what is long in the body");
  if (path.contains('%') && !percent_decode(path))
    return path_refused("holds a '%' without its two hex digits", "write a percent sign as %25");
  std::vector<std::string> readings{std::string{path}};
  while (true) {
    const std::string& latest = readings.back();
    if (std::ranges::any_of(latest, is_path_control)) return path_refused("holds a control character", "leave it out");
    if (!is_utf8(latest)) return path_refused("is not UTF-8", "encode it as UTF-8, each character in its shortest form");
    if (!has_escape(latest)) return readings;
    if (readings.size() == most_readings) return path_refused("is percent-encoded more than three times", "encode it once");
    readings.push_back(decode_escapes(latest));
  }
}

Result<> check_path(const std::vector<std::string>& readings) {
  for (std::size_t i = 0; i < readings.size(); ++i) {
    if (auto checked = check_reading(readings[i], i == 0); !checked) return checked;
  }
  return {};
}

}  // namespace evergrant
