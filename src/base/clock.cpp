#include "base/clock.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>

namespace evergrant {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// Exactly `digits` decimal digits at the front of `text`, removed from it.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  const auto* end = text.data() + digits;
  for (const auto* p = text.data(); p != end; ++p) {
    if (std::isdigit(static_cast<unsigned char>(*p)) == 0) return std::nullopt;
    value = value * 10 + (*p - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take_char(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<Time> compose(int year, int month, int day, int hour, int minute, int second) {
  const auto date = std::chrono::year{year} / std::chrono::month{static_cast<unsigned>(month)} /
                    std::chrono::day{static_cast<unsigned>(day)};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return Time{std::chrono::sys_days{date} + hours{hour} + minutes{minute} + seconds{second}};
}

std::optional<Duration> take_fraction(std::string_view& text) {
  if (!take_char(text, ".")) return Duration{0};
  int scale = 100;
  int value = 0;
  std::size_t count = 0;
  for (; !text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) != 0; ++count) {
    value += (text.front() - '0') * scale;
    scale /= 10;
    text.remove_prefix(1);
  }
  if (count == 0) return std::nullopt;
  return Duration{value};
}

std::optional<minutes> take_offset(std::string_view& text) {
  if (take_char(text, "Zz")) return minutes{0};
  if (text.empty()) return std::nullopt;
  const int sign = text.front() == '-' ? -1 : 1;
  if (!take_char(text, "+-")) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || *hour > 23) return std::nullopt;
  take_char(text, ":");
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  return minutes{sign * (*hour * 60 + *minute)};
}

void put_digits(std::string& text, std::size_t at, std::size_t digits, unsigned number) {
  for (std::size_t i = digits; i > 0; --i) {
    text[at + i - 1] = static_cast<char>('0' + number % 10);
    number /= 10;
  }
}

}  // namespace

Time SystemClock::now() const { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

std::string to_rfc3339(Time t) {
  const auto day = std::chrono::floor<days>(t);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{t - day};
  const int year{date.year()};
  std::string text = "0000-00-00T00:00:00.000Z";
  put_digits(text, 0, 4, static_cast<unsigned>(year));
  put_digits(text, 5, 2, unsigned{date.month()});
  put_digits(text, 8, 2, unsigned{date.day()});
  put_digits(text, 11, 2, static_cast<unsigned>(time.hours().count()));
  put_digits(text, 14, 2, static_cast<unsigned>(time.minutes().count()));
  put_digits(text, 17, 2, static_cast<unsigned>(time.seconds().count()));
  put_digits(text, 20, 3, static_cast<unsigned>(time.subseconds().count()));
  if (year < 0 || year > 9999) text.replace(0, 4, std::to_string(year));
  return text;
}

std::optional<Time> from_rfc3339(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take_char(text, "-")) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take_char(text, "-")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !take_char(text, "Tt ")) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || !take_char(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || !take_char(text, ":")) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second) return std::nullopt;
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  const auto base = compose(*year, *month, *day, *hour, *minute, *second);
  if (!base) return std::nullopt;
  return *base + *fraction - *offset;
}

std::optional<Time> from_http_date(std::string_view text) {
  static constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT") return std::nullopt;
  text.remove_prefix(5);
  const auto day = take_number(text, 2);
  if (!day || !take_char(text, " ")) return std::nullopt;
  int month = 0;
  for (std::size_t i = 0; i < months.size(); ++i) {
    if (text.substr(0, 3) == months.at(i)) month = static_cast<int>(i) + 1;
  }
  if (month == 0) return std::nullopt;
  text.remove_prefix(3);
  if (!take_char(text, " ")) return std::nullopt;
  const auto year = take_number(text, 4);
  if (!year || !take_char(text, " ")) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || !take_char(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || !take_char(text, ":")) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second) return std::nullopt;
  return compose(*year, month, *day, *hour, *minute, *second);
}

}  // namespace evergrant
