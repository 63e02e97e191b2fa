// What happened, in order: the last lines for a report, all of them on demand, and a hash by which two runs are compared.
#pragma once

#include <cstdint>
#include <cstdio>
#include <deque>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace evergrant::sim {

class Trace {
 public:
  explicit Trace(bool print) : print_{print} {}

  void note(Duration at, std::string_view who, std::string_view what) {
    const auto count = at.count();
    mix({reinterpret_cast<const char*>(&count), sizeof count});
    mix(who);
    mix(what);
    ++lines_;
    std::string line = stamp(at) + ' ' + std::string{who} + ' ' + std::string{what};
    if (print_) std::printf("%s\n", line.c_str());
    last_.push_back(std::move(line));
    if (last_.size() > kept) last_.pop_front();
  }

  [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
  [[nodiscard]] std::uint64_t lines() const noexcept { return lines_; }
  [[nodiscard]] const std::deque<std::string>& last() const noexcept { return last_; }

 private:
  static constexpr std::size_t kept = 60;

  static std::string stamp(Duration at) {
    char text[32];
    const auto ms = at.count();
    std::snprintf(text, sizeof text, "%5lld:%02lld.%03lld", static_cast<long long>(ms / 60'000),
                  static_cast<long long>(ms / 1000 % 60), static_cast<long long>(ms % 1000));
    return text;
  }
  void mix(std::string_view text) {
    for (const char c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }

  bool print_;
  std::uint64_t hash_ = 0xcbf29ce484222325U;
  std::uint64_t lines_ = 0;
  std::deque<std::string> last_;
};

}  // namespace evergrant::sim
