// Strict reading of a TOML tree: every field is asked for by name and type, and every fault of the file is collected, so
// that a person mends all of them at once: a wrong type or value, a missing field, a field nobody knows (with the nearest
// known name). Each becomes one line, "file:line:column: field 'a.b': …".
// The same code that reads also describes itself: a TomlReading made by describe() collects the fields that were asked
// for, with type and default, and invents one element of each array of tables.
// Not synchronised. Values are never printed where a secret could have been written by mistake (plain strings).
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/toml_document.hpp"

namespace evergrant {

// "250ms", "30s", "5m", "12h", "100d", "2w", "5y" (365 days). Nothing on other text or overflow.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);
// The largest unit that divides it: 5400 s is "90m".
[[nodiscard]] std::string to_text(Duration duration);
// The candidate nearest to a misspelt name; empty if none is near.
[[nodiscard]] std::string nearest_name(std::string_view name, std::span<const std::string> candidates);

struct TomlField {  // one row of the schema
  std::string path;
  std::string type;
  std::string fallback;  // what holds where the field is absent; empty: nothing
};

template <class E>
using TomlChoice = std::pair<std::string_view, E>;

// One reading of one file: its problems, and the fields that were asked for.
class TomlReading {
 public:
  explicit TomlReading(std::string file) : file_{std::move(file)} {}
  [[nodiscard]] static TomlReading describe();

  // `text` follows "file:line:column: ". The same problem twice is kept once.
  void problem(const TomlNode& where, std::string text);
  [[nodiscard]] bool has_problem_at(const TomlNode& where) const;
  // An error with one line for each problem, in the order of the file.
  [[nodiscard]] Result<> result() const;
  [[nodiscard]] bool ok() const noexcept { return problems_.empty(); }
  [[nodiscard]] bool describing() const noexcept { return describing_; }
  [[nodiscard]] const std::vector<TomlField>& fields() const noexcept { return fields_; }
  [[nodiscard]] const std::string& file() const noexcept { return file_; }

 private:
  friend class TomlTable;
  struct Problem {
    int line = 0;
    int column = 0;
    std::string text;
    auto operator<=>(const Problem&) const = default;
  };
  std::string file_;
  bool describing_ = false;
  std::vector<Problem> problems_;
  std::vector<TomlField> fields_;
};

// One table of it. `read` leaves the target alone where the field is absent or wrong. Call `finish` after the last one.
class TomlTable {
 public:
  // Both must outlive this. `path` is the table's own, empty at the top.
  TomlTable(TomlReading& reading, const TomlNode& node, std::string path = {});

  [[nodiscard]] bool has(std::string_view name) const;
  void require(std::string_view name, std::string_view expected);

  void read(std::string_view name, std::string& out);
  void read(std::string_view name, bool& out);
  void read(std::string_view name, std::int64_t& out, std::int64_t least, std::int64_t most);
  void read(std::string_view name, int& out, int least = 0, int most = std::numeric_limits<int>::max());
  void read(std::string_view name, double& out, double least = 0, double most = 1e9);
  void read(std::string_view name, Duration& out);
  void read(std::string_view name, std::optional<Duration>& out);
  void read(std::string_view name, std::optional<Time>& out);  // a TOML date, or RFC 3339 in a string
  void read(std::string_view name, std::vector<std::string>& out);
  void read(std::string_view name, std::vector<int>& out, int least, int most);
  void read(std::string_view name, std::map<std::string, std::string>& out);
  template <class E, std::size_t N>
  void read(std::string_view name, E& out, const std::array<TomlChoice<E>, N>& choices);

  // A nested table; an empty one where it is absent.
  [[nodiscard]] TomlTable table(std::string_view name);
  [[nodiscard]] std::vector<TomlTable> tables(std::string_view name);
  // The member as it stands, which then counts as known; null where it is absent.
  [[nodiscard]] const TomlNode* raw(std::string_view name, std::string_view type);

  // "field 'path.name': " is put before `text`.
  void problem(std::string_view name, std::string_view text);
  // Reports the fields that nobody asked for.
  void finish();

  [[nodiscard]] std::string path_of(std::string_view name) const;
  [[nodiscard]] const TomlNode& node() const noexcept { return *node_; }
  [[nodiscard]] TomlReading& reading() noexcept { return *reading_; }

 private:
  const TomlNode* ask(std::string_view name, std::string_view type, std::string fallback);
  const TomlNode* ask(std::string_view name, TomlKind kind, std::string_view type, std::string fallback);
  void wrong_kind(std::string_view name, const TomlNode& found, std::string_view expected);
  std::optional<std::size_t> read_choice(std::string_view name, std::span<const std::string_view> names,
                                         std::string_view present);
  std::optional<Duration> read_duration(std::string_view name, std::string fallback);

  TomlReading* reading_;
  const TomlNode* node_;
  std::string path_;
  std::vector<std::string> known_;
};

template <class E, std::size_t N>
void TomlTable::read(std::string_view name, E& out, const std::array<TomlChoice<E>, N>& choices) {
  std::array<std::string_view, N> names;
  std::string_view present;
  for (std::size_t i = 0; i < N; ++i) {
    names[i] = choices[i].first;
    if (choices[i].second == out) present = choices[i].first;
  }
  if (const auto chosen = read_choice(name, names, present)) out = choices[*chosen].second;
}

}  // namespace evergrant
