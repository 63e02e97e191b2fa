#include "net/http.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "base/secret.hpp"

namespace evergrant {

Headers& Headers::operator=(const Headers& other) {
  if (this == &other) return *this;
  wipe_all();
  fields_ = other.fields_;
  return *this;
}

Headers& Headers::operator=(Headers&& other) noexcept {
  if (this == &other) return *this;
  wipe_all();
  fields_ = std::move(other.fields_);
  return *this;
}

Headers::~Headers() { wipe_all(); }

void Headers::wipe_all() noexcept {
  for (auto& field : fields_) wipe(field.second);
}

void Headers::set(std::string_view name, std::string value) {
  std::erase_if(fields_, [&](auto& field) {
    const bool same = equal_ignoring_case(field.first, name);
    if (same) wipe(field.second);
    return same;
  });
  add(std::string{name}, std::move(value));
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  const auto found = std::ranges::find_if(fields_, [&](const auto& f) { return equal_ignoring_case(f.first, name); });
  if (found == fields_.end()) return std::nullopt;
  return found->second;
}

std::size_t Headers::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(fields_, [&](const auto& f) { return equal_ignoring_case(f.first, name); }));
}

bool HttpHandler::answer_now(const QuickRequest&, const QuickPeer&, AnswerRoom&) { return false; }
bool HttpHandler::streams(std::string_view, std::string_view) const noexcept { return false; }
Task<void> HttpHandler::stream(HttpRequest, HttpExchange&) { co_return; }

}  // namespace evergrant
