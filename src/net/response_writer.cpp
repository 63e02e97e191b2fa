#include "net/response_writer.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/encoding.hpp"
#include "net/wiping.hpp"

namespace evergrant {
namespace {

bool is_token_character(char c) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return alphanumeric || others.find(c) != std::string_view::npos;
}

bool is_ours(std::string_view name) {
  constexpr std::array<std::string_view, 5> ours{"Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Date"};
  return std::ranges::any_of(ours, [&](std::string_view field) { return equal_ignoring_case(field, name); });
}

void append_number(std::string& out, std::size_t number) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

std::string padded(unsigned number, std::size_t width) {
  std::string digits = std::to_string(number);
  return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
}

std::size_t size_of(const HttpResponse& response) {
  constexpr std::size_t framing = 256;
  std::size_t size = framing + response.body.size();
  for (const auto& [name, value] : response.headers.all()) size += name.size() + value.size() + 4;
  return size;
}

void write_head(const HttpResponse& response, const Framing& framing, std::string& out) {
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<std::size_t>(response.status));
  out.append(" ").append(reason_phrase(response.status)).append("\r\nDate: ").append(framing.date).append("\r\n");
  if (response.status != 204 && response.status != 304) {
    out.append("Content-Length: ");
    append_number(out, response.body.size());
    out.append("\r\n");
  }
  if (!framing.keep_alive) out.append("Connection: close\r\n");
  if (framing.keep_alive && framing.http_1_0) out.append("Connection: keep-alive\r\n");
}

}  // namespace

bool is_sendable(const HttpResponse& response) {
  if (response.status < 200 || response.status > 599) return false;
  return std::ranges::all_of(response.headers.all(), [](const auto& field) {
    const bool name_ok = !field.first.empty() && std::ranges::all_of(field.first, is_token_character);
    return name_ok && std::ranges::none_of(field.second, [](char c) {
             return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
           });
  });
}

void write_response(const HttpResponse& response, const Framing& framing, std::string& out) {
  grow_wiping(out, out.size() + size_of(response));
  write_head(response, framing, out);
  bool has_nosniff = false;
  for (const auto& [name, value] : response.headers.all()) {
    if (is_ours(name)) continue;
    has_nosniff = has_nosniff || equal_ignoring_case(name, "X-Content-Type-Options");
    out.append(name).append(": ").append(value).append("\r\n");
  }
  if (!has_nosniff) out.append("X-Content-Type-Options: nosniff\r\n");
  out.append("\r\n");
  if (!framing.head && response.status != 204 && response.status != 304) out.append(response.body);
}

HttpResponse problem_response(const Refusal& refusal) {
  HttpResponse response;
  response.status = refusal.status;
  response.headers.add("Content-Type", "application/problem+json");
  response.headers.add("Cache-Control", "no-store");
  // A caller of the proxy tells by it that no provider said so, whether or not the request came so far as to be one.
  response.headers.add("Evergrant-Error", std::string{refusal.code});
  if (refusal.status == 405) response.headers.add("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE");
  // The texts are constants of the server: nothing in them needs escaping.
  response.body.append(R"({"type":"about:blank","title":")").append(reason_phrase(refusal.status)).append(R"(","status":)");
  append_number(response.body, static_cast<std::size_t>(refusal.status));
  response.body.append(R"(,"code":")").append(refusal.code).append(R"(","detail":")").append(refusal.detail).append("\"}");
  return response;
}

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 203: return "Non-Authoritative Information";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 207: return "Multi-Status";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 423: return "Locked";
    case 424: return "Failed Dependency";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 507: return "Insufficient Storage";
    default: return status < 400 ? "OK" : "Error";
  }
}

std::string http_date(Time time) {
  constexpr std::array<std::string_view, 7> weekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::seconds>(time - day)};
  std::string out{weekdays[std::chrono::weekday{day}.c_encoding()]};
  out.append(", ").append(padded(static_cast<unsigned>(date.day()), 2)).append(" ");
  out.append(months[static_cast<unsigned>(date.month()) - 1]).append(" ");
  out.append(padded(static_cast<unsigned>(static_cast<int>(date.year())), 4)).append(" ");
  out.append(padded(static_cast<unsigned>(clock.hours().count()), 2)).append(":");
  out.append(padded(static_cast<unsigned>(clock.minutes().count()), 2)).append(":");
  return out.append(padded(static_cast<unsigned>(clock.seconds().count()), 2)).append(" GMT");
}

}  // namespace evergrant
