#include "store/sqlite_filter.hpp"

#include <utility>

#include "store/sqlite_rows.hpp"

namespace evergrant {

void Conditions::condition(const std::string& text) {
  where_ += where_.empty() ? " WHERE " : " AND ";
  where_ += text;
}

void Conditions::equal(std::string_view column, std::string value) {
  condition(std::string{column} + " = ?");
  values_.emplace_back(std::move(value));
}

void Conditions::any_of(std::string_view column, std::vector<std::string> values) {
  if (values.empty()) {
    condition("1 = 0");
    return;
  }
  std::string text = std::string{column} + " IN (?";
  for (std::size_t i = 1; i < values.size(); ++i) text += ", ?";
  condition(text + ")");
  for (auto& value : values) values_.emplace_back(std::move(value));
}

void Conditions::add(const ConnectionFilter& filter) {
  if (filter.tenant) equal("tenant", filter.tenant->str());
  if (filter.registration) equal("registration", filter.registration->str());
  if (filter.realm) equal("realm", filter.realm->str());
  if (filter.visible_tenants) any_of("tenant", texts_of(*filter.visible_tenants));
  if (filter.visible_registrations) any_of("registration", texts_of(*filter.visible_registrations));
}

void Conditions::visible(std::span<const std::string_view> columns, const ConnectionFilter& filter) {
  if (!filter.visible_connections) return;
  const auto ids = texts_of(*filter.visible_connections);
  if (ids.empty()) return condition("1 = 0");
  std::string marks = "?";
  for (std::size_t i = 1; i < ids.size(); ++i) marks += ", ?";
  std::string text;
  for (const auto column : columns) {
    text += (text.empty() ? "(" : " OR ") + std::string{column} + " IN (" + marks + ")";
    values_.insert(values_.end(), ids.begin(), ids.end());
  }
  condition(text + ")");
}

void Conditions::after(const AgeCursor& cursor) {
  condition("(created_at > ? OR (created_at = ? AND id > ?))");
  values_.emplace_back(to_epoch_ms(cursor.created_at));
  values_.emplace_back(to_epoch_ms(cursor.created_at));
  values_.emplace_back(cursor.id);
}

void Conditions::beyond(std::string_view column, std::string_view comparison, std::int64_t value) {
  condition(std::string{column} + " " + std::string{comparison} + " ?");
  values_.emplace_back(value);
}

Statement Conditions::select(Database& database, std::string_view columns, std::string_view table, std::string_view order,
                             int limit) const {
  std::string sql = "SELECT ";
  sql.append(columns).append(" FROM ").append(table).append(where_).append(" ORDER BY ").append(order).append(" LIMIT ?");
  Statement statement = database.prepare_once(sql);
  int index = 0;
  for (const auto& value : values_) {
    std::visit([&](const auto& item) { bind_value(statement, ++index, item); }, value);
  }
  bind_value(statement, ++index, limit);
  return statement;
}

}  // namespace evergrant
