#include "base/toml_table.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view duration_type = R"(a duration such as "30s", "5m", "12h", "100d" or "5y")";

const TomlNode& absent_table() {
  static const TomlNode empty;
  return empty;
}

std::string_view name_of(TomlKind kind) {
  switch (kind) {
    case TomlKind::string: return "a string";
    case TomlKind::integer: return "an integer";
    case TomlKind::number: return "a number";
    case TomlKind::boolean: return "true or false";
    case TomlKind::date: return "a date";
    case TomlKind::array: return "a list";
    case TomlKind::table: return "a table";
  }
  return "something else";
}

std::string quoted(const std::vector<std::string>& items) {
  return items.empty() ? "[]" : "[\"" + join(items, "\", \"") + "\"]";
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

std::optional<Time> moment(const TomlNode& node) {
  // A date alone means midnight in UTC.
  const std::string text = node.text.size() == 10 ? node.text + "T00:00:00Z" : node.text;
  return from_rfc3339(text);
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, Duration>, 7> units{
      {{"ms", 1ms}, {"s", 1s}, {"m", 1min}, {"h", 1h}, {"d", 24h}, {"w", 24h * 7}, {"y", 24h * 365}}};
  std::int64_t amount = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), amount);
  if (problem != std::errc{} || text.starts_with('-')) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const auto& [name, length] : units) {
    if (name != unit) continue;
    if (amount > Duration{std::chrono::years{1000}} / length) return std::nullopt;
    return amount * length;
  }
  return std::nullopt;
}

std::string to_text(Duration duration) {
  static constexpr std::array<std::pair<std::string_view, Duration>, 5> units{
      {{"y", 24h * 365}, {"d", 24h}, {"h", 1h}, {"m", 1min}, {"s", 1s}}};
  if (duration == 0ms) return "0s";
  for (const auto& [name, length] : units) {
    if (duration % length == 0ms) return std::to_string(duration / length) + std::string{name};
  }
  return std::to_string(duration.count()) + "ms";
}

std::string nearest_name(std::string_view name, std::span<const std::string> candidates) {
  std::string best;
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(name, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

TomlReading TomlReading::describe() {
  TomlReading reading{""};
  reading.describing_ = true;
  return reading;
}

void TomlReading::problem(const TomlNode& where, std::string text) {
  if (describing_) return;
  Problem found{.line = where.line, .column = where.column, .text = std::move(text)};
  if (std::ranges::find(problems_, found) == problems_.end()) problems_.push_back(std::move(found));
}

bool TomlReading::has_problem_at(const TomlNode& where) const {
  return std::ranges::any_of(problems_, [&](const Problem& p) { return p.line == where.line && p.column == where.column; });
}

Result<> TomlReading::result() const {
  if (problems_.empty()) return {};
  auto ordered = problems_;
  std::ranges::sort(ordered);
  std::vector<std::string> lines;
  for (const auto& problem : ordered) {
    std::string where = file_;
    if (problem.line > 0) where += ':' + std::to_string(problem.line) + ':' + std::to_string(problem.column);
    lines.push_back(where + ": " + problem.text);
  }
  return fail(Errc::invalid_argument, join(lines, "\n"), "mend the file at the lines named above");
}

TomlTable::TomlTable(TomlReading& reading, const TomlNode& node, std::string path)
    : reading_{&reading}, node_{&node}, path_{std::move(path)} {}

std::string TomlTable::path_of(std::string_view name) const {
  return path_.empty() ? std::string{name} : path_ + '.' + std::string{name};
}

bool TomlTable::has(std::string_view name) const { return find_member(*node_, name) != nullptr; }

void TomlTable::problem(std::string_view name, std::string_view text) {
  const TomlNode* found = find_member(*node_, name);
  reading_->problem(found != nullptr ? *found : *node_, "field '" + path_of(name) + "': " + std::string{text});
}

void TomlTable::require(std::string_view name, std::string_view expected) {
  if (has(name)) return;
  problem(name, "missing; " + std::string{expected} + " is required");
}

const TomlNode* TomlTable::ask(std::string_view name, std::string_view type, std::string fallback) {
  known_.emplace_back(name);
  if (reading_->describing_) {
    reading_->fields_.push_back({.path = path_of(name), .type = std::string{type}, .fallback = std::move(fallback)});
  }
  return find_member(*node_, name);
}

const TomlNode* TomlTable::ask(std::string_view name, TomlKind kind, std::string_view type, std::string fallback) {
  const TomlNode* found = ask(name, type, std::move(fallback));
  if (found == nullptr || found->kind == kind) return found;
  wrong_kind(name, *found, type);
  return nullptr;
}

void TomlTable::wrong_kind(std::string_view name, const TomlNode& found, std::string_view expected) {
  problem(name, "found " + std::string{name_of(found.kind)} + ", expected " + std::string{expected});
}

const TomlNode* TomlTable::raw(std::string_view name, std::string_view type) { return ask(name, type, {}); }

void TomlTable::read(std::string_view name, std::string& out) {
  if (const auto* found = ask(name, TomlKind::string, "a string", out)) out = found->text;
}

void TomlTable::read(std::string_view name, bool& out) {
  if (const auto* found = ask(name, TomlKind::boolean, "true or false", out ? "true" : "false")) out = found->boolean;
}

void TomlTable::read(std::string_view name, std::int64_t& out, std::int64_t least, std::int64_t most) {
  const std::string type = "an integer from " + std::to_string(least) + " to " + std::to_string(most);
  const auto* found = ask(name, TomlKind::integer, type, std::to_string(out));
  if (found == nullptr) return;
  if (found->integer < least || found->integer > most) {
    problem(name, "found " + std::to_string(found->integer) + ", expected " + type);
    return;
  }
  out = found->integer;
}

void TomlTable::read(std::string_view name, int& out, int least, int most) {
  std::int64_t value = out;
  read(name, value, static_cast<std::int64_t>(least), static_cast<std::int64_t>(most));
  out = static_cast<int>(value);
}

void TomlTable::read(std::string_view name, double& out, double least, double most) {
  const auto* found = ask(name, "a number", std::to_string(out));
  if (found == nullptr) return;
  if (found->kind != TomlKind::number && found->kind != TomlKind::integer) return wrong_kind(name, *found, "a number");
  const double value = found->kind == TomlKind::integer ? static_cast<double>(found->integer) : found->number;
  if (!std::isfinite(value) || value < least || value > most) {
    return problem(name, "out of range, expected a number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  out = value;
}

std::optional<Duration> TomlTable::read_duration(std::string_view name, std::string fallback) {
  const auto* found = ask(name, TomlKind::string, duration_type, std::move(fallback));
  if (found == nullptr) return std::nullopt;
  const auto value = parse_duration(found->text);
  if (!value) problem(name, "found \"" + printable(found->text, 40) + "\", expected " + std::string{duration_type});
  return value;
}

void TomlTable::read(std::string_view name, Duration& out) {
  if (const auto value = read_duration(name, to_text(out))) out = *value;
}

void TomlTable::read(std::string_view name, std::optional<Duration>& out) {
  if (const auto value = read_duration(name, out ? to_text(*out) : "")) out = value;
}

void TomlTable::read(std::string_view name, std::optional<Time>& out) {
  constexpr std::string_view type = "a date such as 2027-06-30 or 2027-06-30T12:00:00Z";
  const auto* found = ask(name, type, {});
  if (found == nullptr) return;
  if (found->kind != TomlKind::date && found->kind != TomlKind::string) return wrong_kind(name, *found, type);
  const auto value = moment(*found);
  if (!value) return problem(name, "found \"" + printable(found->text, 40) + "\", expected " + std::string{type});
  out = value;
}

void TomlTable::read(std::string_view name, std::vector<std::string>& out) {
  constexpr std::string_view type = "a list of strings";
  const auto* found = ask(name, TomlKind::array, type, quoted(out));
  if (found == nullptr) return;
  std::vector<std::string> items;
  for (const auto& item : found->items) {
    if (item.kind != TomlKind::string) return wrong_kind(name, item, type);
    items.push_back(item.text);
  }
  out = std::move(items);
}

void TomlTable::read(std::string_view name, std::vector<int>& out, int least, int most) {
  const std::string type = "a list of integers from " + std::to_string(least) + " to " + std::to_string(most);
  std::vector<std::string> present;
  for (const int value : out) present.push_back(std::to_string(value));
  const auto* found = ask(name, TomlKind::array, type, '[' + join(present, ", ") + ']');
  if (found == nullptr) return;
  std::vector<int> items;
  for (const auto& item : found->items) {
    if (item.kind != TomlKind::integer || item.integer < least || item.integer > most) {
      return problem(name, "expected " + type);
    }
    items.push_back(static_cast<int>(item.integer));
  }
  out = std::move(items);
}

void TomlTable::read(std::string_view name, std::map<std::string, std::string>& out) {
  constexpr std::string_view type = "a table of strings";
  const auto* found = ask(name, TomlKind::table, type, out.empty() ? "{}" : "");
  if (found == nullptr) return;
  std::map<std::string, std::string> values;
  for (const auto& member : found->members) {
    if (member.value.kind != TomlKind::string) {
      const std::string path = path_of(name) + '.' + member.name;
      return reading_->problem(
          member.value, "field '" + path + "': found " + std::string{name_of(member.value.kind)} + ", expected a string");
    }
    values.emplace(member.name, member.value.text);
  }
  out = std::move(values);
}

std::optional<std::size_t> TomlTable::read_choice(std::string_view name, std::span<const std::string_view> names,
                                                  std::string_view present) {
  std::vector<std::string> spelled{names.begin(), names.end()};
  const std::string type = "one of " + join(spelled, ", ");
  const auto* found = ask(name, TomlKind::string, type, std::string{present});
  if (found == nullptr) return std::nullopt;
  const auto chosen = std::ranges::find(names, found->text);
  if (chosen != names.end()) return static_cast<std::size_t>(chosen - names.begin());
  const auto near = nearest_name(found->text, spelled);
  problem(name, "found \"" + printable(found->text, 40) + "\", expected " + type +
                    (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  return std::nullopt;
}

TomlTable TomlTable::table(std::string_view name) {
  known_.emplace_back(name);
  const TomlNode* found = find_member(*node_, name);
  if (found != nullptr && found->kind != TomlKind::table) {
    wrong_kind(name, *found, "a table");
    found = nullptr;
  }
  return {*reading_, found != nullptr ? *found : absent_table(), path_of(name)};
}

std::vector<TomlTable> TomlTable::tables(std::string_view name) {
  known_.emplace_back(name);
  std::vector<TomlTable> all;
  if (reading_->describing_) all.emplace_back(*reading_, absent_table(), path_of(name));
  const TomlNode* found = find_member(*node_, name);
  if (found == nullptr) return all;
  const std::string expected = "one or more [[" + path_of(name) + "]]";
  if (found->kind != TomlKind::array) {
    wrong_kind(name, *found, expected);
    return all;
  }
  for (const auto& item : found->items) {
    if (item.kind == TomlKind::table) {
      all.emplace_back(*reading_, item, path_of(name));
    } else {
      wrong_kind(name, item, expected);
    }
  }
  return all;
}

void TomlTable::finish() {
  std::ranges::sort(known_);
  for (const auto& member : node_->members) {
    if (std::ranges::find(known_, member.name) != known_.end()) continue;
    const auto near = nearest_name(member.name, known_);
    const std::string advice = near.empty() ? "known here: " + join(known_, ", ") : "did you mean '" + path_of(near) + "'?";
    reading_->problem(member.value, "field '" + path_of(printable(member.name, 60)) + "': unknown; " + advice);
  }
}

}  // namespace evergrant
