#include "base/encoding.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace evergrant {
namespace {

constexpr std::string_view url_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view plain_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view upper_hex_digits = "0123456789ABCDEF";

unsigned octet(char c) { return static_cast<unsigned char>(c); }

using Values = std::array<std::uint8_t, 256>;
constexpr unsigned no_digit = 0x80;  // a bit that no value has: one look tells of many digits whether all are good

constexpr Values reversed(std::string_view alphabet) {
  Values table{};
  table.fill(no_digit);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table.at(static_cast<unsigned char>(alphabet[i])) = static_cast<std::uint8_t>(i);
  }
  return table;
}
constexpr auto url_values = reversed(url_alphabet);
constexpr auto plain_values = reversed(plain_alphabet);

std::string encode_64(std::string_view bytes, std::string_view alphabet) {
  std::string out((bytes.size() * 4 + 2) / 3, '\0');
  const auto digit = [alphabet](unsigned value) { return alphabet[value & 63U]; };
  std::size_t to = 0;
  std::size_t from = 0;
  for (; from + 3 <= bytes.size(); from += 3) {
    const unsigned group = octet(bytes[from]) << 16U | octet(bytes[from + 1]) << 8U | octet(bytes[from + 2]);
    out[to++] = digit(group >> 18U);
    out[to++] = digit(group >> 12U);
    out[to++] = digit(group >> 6U);
    out[to++] = digit(group);
  }
  const std::size_t left = bytes.size() - from;  // 0 to 2 bytes make 0, 2 or 3 digits
  if (left == 0) return out;
  const unsigned group = octet(bytes[from]) << 16U | (left == 2 ? octet(bytes[from + 1]) << 8U : 0U);
  out[to++] = digit(group >> 18U);
  out[to++] = digit(group >> 12U);
  if (left == 2) out[to++] = digit(group >> 6U);
  return out;
}

std::optional<std::string> decode_64(std::string_view text, const Values& values) {
  const std::size_t left = text.size() % 4;  // 0, 2 or 3 digits make 0, 1 or 2 bytes
  if (left == 1) return std::nullopt;
  std::string out(text.size() * 3 / 4, '\0');
  const auto byte = [](unsigned bits) { return static_cast<char>(bits & 255U); };
  // Through pointers: a check of each index would take half of the time.
  char* to = out.data();
  const char* from = text.data();
  const char* const end = from + (text.size() - left);
  const auto value = [&values, &from](int at) -> unsigned { return values[octet(from[at])]; };
  unsigned seen = 0;
  for (; from != end; from += 4) {
    const unsigned a = value(0);
    const unsigned b = value(1);
    const unsigned c = value(2);
    const unsigned d = value(3);
    seen |= a | b | c | d;
    *to++ = byte(a << 2U | b >> 4U);
    *to++ = byte(b << 4U | c >> 2U);
    *to++ = byte(c << 6U | d);
  }
  unsigned stray = 0;  // bits behind the last byte: two spellings of one value
  if (left != 0) {
    const unsigned a = value(0);
    const unsigned b = value(1);
    const unsigned c = left == 3 ? value(2) : 0;
    seen |= a | b | c;
    *to++ = byte(a << 2U | b >> 4U);
    if (left == 3) *to++ = byte(b << 4U | c >> 2U);
    stray = left == 3 ? c & 3U : b & 15U;
  }
  if ((seen & no_digit) != 0 || stray != 0) return std::nullopt;
  return out;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
         c == '~';
}

std::string encode_percent(std::string_view text, bool space_as_plus) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
    } else if (c == ' ' && space_as_plus) {
      out += '+';
    } else {
      out += '%';
      out += upper_hex_digits[octet(c) >> 4U];
      out += upper_hex_digits[octet(c) & 15U];
    }
  }
  return out;
}

std::optional<std::string> decode_percent(std::string_view text, bool plus_as_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_as_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

// Length of the well-formed UTF-8 sequence at the front of `text`, 0 if there is none (RFC 3629 4).
std::size_t utf8_length(std::string_view text) {
  const unsigned lead = octet(text[0]);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  if (lead >= 0xC2 && lead <= 0xDF) length = 2;
  if (lead >= 0xE0 && lead <= 0xEF) length = 3;
  if (lead >= 0xF0 && lead <= 0xF4) length = 4;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((octet(text[i]) & 0xC0U) != 0x80U) return 0;
  }
  const unsigned second = octet(text[1]);
  if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F)) return 0;
  if ((lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) return 0;
  return length;
}

}  // namespace

std::string base64url_encode(std::string_view bytes) { return encode_64(bytes, url_alphabet); }
std::optional<std::string> base64url_decode(std::string_view text) { return decode_64(text, url_values); }

std::string base64_encode(std::string_view bytes) {
  std::string out = encode_64(bytes, plain_alphabet);
  out.append((4 - out.size() % 4) % 4, '=');
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  if (text.ends_with("==")) {
    text.remove_suffix(2);
  } else if (text.ends_with('=')) {
    text.remove_suffix(1);
  }
  return decode_64(text, plain_values);
}

std::string hex_encode(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    out += hex_digits[octet(c) >> 4U];
    out += hex_digits[octet(c) & 15U];
  }
  return out;
}

std::optional<std::string> hex_decode(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

std::string percent_encode(std::string_view text) { return encode_percent(text, false); }
std::optional<std::string> percent_decode(std::string_view text) { return decode_percent(text, false); }
std::string form_encode(std::string_view text) { return encode_percent(text, true); }

std::string form_encode(const Parameters& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!out.empty()) out += '&';
    out += form_encode(name);
    out += '=';
    out += form_encode(value);
  }
  return out;
}

std::optional<Parameters> form_decode(std::string_view text) {
  Parameters parameters;
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const auto piece = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (piece.empty()) continue;
    const auto equals = std::min(piece.find('='), piece.size());
    auto name = decode_percent(piece.substr(0, equals), true);
    auto value = decode_percent(piece.substr(std::min(equals + 1, piece.size())), true);
    if (!name || !value) return std::nullopt;
    parameters.emplace_back(std::move(*name), std::move(*value));
  }
  return parameters;
}

std::optional<std::string> single(const Parameters& parameters, std::string_view name) {
  const auto named = [&](const auto& parameter) { return parameter.first == name; };
  const auto found = std::ranges::find_if(parameters, named);
  if (found == parameters.end() || count(parameters, name) != 1) return std::nullopt;
  return found->second;
}

std::size_t count(const Parameters& parameters, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::count_if(parameters, [&](const auto& p) { return p.first == name; }));
}

std::string html_escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string to_lower_ascii(std::string_view text) {
  std::string out{text};
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  const auto lower = [](char c) { return static_cast<unsigned>(c) + (c >= 'A' && c <= 'Z' ? 32U : 0U); };
  unsigned different = 0;  // without a branch for each letter
  for (std::size_t i = 0; i < a.size(); ++i) different |= lower(a[i]) ^ lower(b[i]);
  return different == 0;
}

std::string_view trim(std::string_view text) noexcept {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    if (end > 0) pieces.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return pieces;
}

std::string join(const std::vector<std::string>& pieces, std::string_view separator) {
  std::string out;
  for (const auto& piece : pieces) {
    if (!out.empty()) out += separator;
    out += piece;
  }
  return out;
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    const auto length = utf8_length(text);
    const std::string_view piece = length == 0 ? "?" : text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
    // C1 controls and the bidirectional overrides rewrite what a reader sees: dropped like C0.
    const bool control = piece.size() == 1 && (octet(piece[0]) < 0x20 || octet(piece[0]) == 0x7F);
    const bool c1 = piece.size() == 2 && octet(piece[0]) == 0xC2 && octet(piece[1]) < 0xA0;
    const bool bidi = piece == "\u202A" || piece == "\u202B" || piece == "\u202C" || piece == "\u202D" ||
                      piece == "\u202E" || piece == "\u2066" || piece == "\u2067" || piece == "\u2068" || piece == "\u2069";
    if (control || c1 || bidi) continue;
    if (out.size() + piece.size() > limit) return out + "…";
    out += piece;
  }
  return out;
}

}  // namespace evergrant
