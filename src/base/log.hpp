// Structured logs: an event name and typed fields, as one JSON object a line, or readable on a terminal.
// A Secret cannot become a field: there is no constructor for it. Text from outside is made printable and cut.
// Thread-safe.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace evergrant {

enum class LogLevel : std::uint8_t { debug, info, warning, error };
enum class LogFormat : std::uint8_t { json, text };

class LogField {
 public:
  LogField(std::string_view name, std::string_view value) : name_{name}, value_{std::string{value}} {}
  LogField(std::string_view name, const char* value) : LogField{name, std::string_view{value}} {}
  LogField(std::string_view name, const std::string& value) : LogField{name, std::string_view{value}} {}
  LogField(std::string_view name, bool value) : name_{name}, value_{value} {}
  template <std::integral T>
  LogField(std::string_view name, T value) : name_{name}, value_{static_cast<std::int64_t>(value)} {}
  LogField(std::string_view name, double value) : name_{name}, value_{value} {}
  LogField(std::string_view name, const Secret&) = delete;

  using Value = std::variant<std::string, bool, std::int64_t, double>;
  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] const Value& value() const noexcept { return value_; }

 private:
  std::string_view name_;
  Value value_;
};

class Log {
 public:
  using Fields = std::initializer_list<LogField>;
  // Writes to standard error. `text` is for terminals.
  explicit Log(LogFormat format, LogLevel least = LogLevel::info);
  // Writes nowhere: for tests that do not look at the log.
  static std::unique_ptr<Log> silent();
  // Appends each line to `target` (not synchronised with readers): for tests that do.
  static std::unique_ptr<Log> into(std::string& target);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // `event` is a stable snake_case name such as "refresh_failed".
  void debug(std::string_view event, Fields fields = {}) const { write(LogLevel::debug, event, fields); }
  void info(std::string_view event, Fields fields = {}) const { write(LogLevel::info, event, fields); }
  void warning(std::string_view event, Fields fields = {}) const { write(LogLevel::warning, event, fields); }
  void error(std::string_view event, Fields fields = {}) const { write(LogLevel::error, event, fields); }

 private:
  struct Sink;
  explicit Log(std::unique_ptr<Sink> sink);
  void write(LogLevel level, std::string_view event, Fields fields) const;
  std::unique_ptr<Sink> sink_;
};

}  // namespace evergrant
