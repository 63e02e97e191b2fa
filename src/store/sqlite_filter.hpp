// WHERE clauses built from filters: column names come from here, values go through `?` only. Private to store/.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "store/cursor.hpp"
#include "store/sqlite.hpp"
#include "store/store.hpp"

namespace evergrant {

class Conditions {
 public:
  void equal(std::string_view column, std::string value);
  void any_of(std::string_view column, std::vector<std::string> values);  // none of them: no rows
  // Tenant, registration, realm and what the caller may see; not the status, which not every table has.
  void add(const ConnectionFilter& filter);
  // The connections that the caller may see, by any of these columns.
  void visible(std::span<const std::string_view> columns, const ConnectionFilter& filter);
  void after(const AgeCursor& cursor);                                                    // in an order by (created_at, id)
  void beyond(std::string_view column, std::string_view comparison, std::int64_t value);  // comparison: "<" or ">"

  // `order` is a list of columns, with DESC where wanted.
  [[nodiscard]] Statement select(Database& database, std::string_view columns, std::string_view table,
                                 std::string_view order, int limit) const;

 private:
  using Value = std::variant<std::int64_t, std::string>;
  void condition(const std::string& text);
  std::string where_;
  std::vector<Value> values_;
};

}  // namespace evergrant
