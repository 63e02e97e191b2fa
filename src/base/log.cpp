#include "base/log.hpp"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cmath>
#include <mutex>
#include <sstream>

#include "base/clock.hpp"
#include "base/encoding.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_value = 1000;

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
  }
  return "info";
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : printable(text, longest_value)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

struct JsonValue {
  std::string operator()(const std::string& value) const { return json_string(value); }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return std::isfinite(value) ? fmt::format("{}", value) : "null"; }
};

struct TextValue {
  std::string operator()(const std::string& value) const {
    const std::string safe = printable(value, longest_value);
    const bool plain = !safe.empty() && safe.find_first_of(" =\"") == std::string::npos;
    return plain ? safe : json_string(value);
  }
  std::string operator()(bool value) const { return JsonValue{}(value); }
  std::string operator()(std::int64_t value) const { return JsonValue{}(value); }
  std::string operator()(double value) const { return JsonValue{}(value); }
};

std::string json_line(LogLevel level, std::string_view event, Log::Fields fields) {
  std::string line = R"({"time":")" + to_rfc3339(SystemClock{}.now()) + R"(","level":")" + std::string{name_of(level)} +
                     R"(","event":)" + json_string(event);
  for (const auto& field : fields) {
    line += ',';
    line += json_string(field.name());
    line += ':';
    line += std::visit(JsonValue{}, field.value());
  }
  return line + '}';
}

std::string text_line(std::string_view event, Log::Fields fields) {
  std::string line = printable(event);
  for (const auto& field : fields) {
    line += "  " + printable(field.name()) + '=' + std::visit(TextValue{}, field.value());
  }
  return line;
}

}  // namespace

struct Log::Sink {
  LogFormat format = LogFormat::json;
  std::ostringstream stream;
  std::string* copy_to = nullptr;
  std::mutex mutex;
  std::unique_ptr<spdlog::logger> logger;
};

Log::Log(LogFormat format, LogLevel least) : sink_{std::make_unique<Sink>()} {
  sink_->format = format;
  auto target = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  sink_->logger = std::make_unique<spdlog::logger>("evergrant", std::move(target));
  sink_->logger->set_level(to_spdlog(least));
  sink_->logger->flush_on(spdlog::level::debug);
  sink_->logger->set_pattern(format == LogFormat::json ? "%v" : "%H:%M:%S %^%-7l%$ %v");
}

Log::Log(std::unique_ptr<Sink> sink) : sink_{std::move(sink)} {}
Log::~Log() = default;

std::unique_ptr<Log> Log::silent() { return std::unique_ptr<Log>{new Log{std::make_unique<Sink>()}}; }

std::unique_ptr<Log> Log::into(std::string& target) {
  auto sink = std::make_unique<Sink>();
  sink->copy_to = &target;
  return std::unique_ptr<Log>{new Log{std::move(sink)}};
}

void Log::write(LogLevel level, std::string_view event, Fields fields) const {
  if (sink_->copy_to != nullptr) {
    const std::lock_guard lock{sink_->mutex};
    *sink_->copy_to += json_line(level, event, fields) + '\n';
  }
  if (!sink_->logger || !sink_->logger->should_log(to_spdlog(level))) return;
  const std::string line = sink_->format == LogFormat::json ? json_line(level, event, fields) : text_line(event, fields);
  sink_->logger->log(to_spdlog(level), "{}", line);
}

}  // namespace evergrant
