// Reading JSON bodies strictly, and writing the API's objects. Pure.
#pragma once

#include <boost/json.hpp>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "model/caller.hpp"
#include "model/connection.hpp"
#include "model/event.hpp"
#include "model/token_set.hpp"
#include "net/http.hpp"
#include "store/store.hpp"

namespace evergrant {

// A JSON object from outside, read field by field. The first problem is kept; `finish` reports it, or a field nobody asked
// for.
class JsonBody {
 public:
  // Errors: invalid_argument (not JSON, not an object, duplicate names, too deep, wrong Content-Type).
  [[nodiscard]] static Result<JsonBody> parse(const HttpRequest& request, std::size_t depth);

  std::string text(std::string_view name, std::size_t longest);           // required, not empty
  std::string optional_text(std::string_view name, std::size_t longest);  // "" if absent or null
  std::optional<Secret> secret(std::string_view name);                    // up to 64 KiB
  std::vector<std::string> texts(std::string_view name);                  // [] if absent
  std::optional<std::vector<std::string>> optional_texts(std::string_view name);
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
  bool boolean(std::string_view name, bool otherwise);
  std::optional<Time> time(std::string_view name);  // RFC 3339, or a number of epoch seconds
  // Each is read and finished on its own; [] if absent.
  std::vector<JsonBody> objects(std::string_view name, std::size_t most);
  [[nodiscard]] Result<> finish() const;

 private:
  explicit JsonBody(boost::json::object object) : object_{std::move(object)} {}
  const boost::json::value* take(std::string_view name);
  void problem(std::string_view name, std::string_view expected);
  boost::json::object object_;
  std::set<std::string, std::less<>> known_;
  std::optional<Error> problem_;
  std::string prefix_;  // of names in messages, where this is an object within another
};

[[nodiscard]] boost::json::object to_json(const Connection& connection);  // metadata, never tokens
[[nodiscard]] boost::json::object to_json(const Event& event);
[[nodiscard]] boost::json::object to_json(const AuditEntry& entry);
[[nodiscard]] boost::json::object to_json(const Policy& policy);
[[nodiscard]] boost::json::object to_json(const Caller& caller);  // never the key or its hash
[[nodiscard]] boost::json::object to_json(const StoredKey& key);  // never the wrapped key
[[nodiscard]] boost::json::value to_json(const std::optional<Time>& time);

// The token answer, written straight into one buffer so that the token is copied once.
[[nodiscard]] std::string token_body(const TokenLease& lease, Time now);

template <class T>
[[nodiscard]] std::string page_body(const Page<T>& page) {
  boost::json::array items;
  for (const auto& item : page.items) items.push_back(to_json(item));
  boost::json::object body{{"items", std::move(items)}};
  body["next"] = nullptr;
  if (!page.next.empty()) body["next"] = page.next;
  return boost::json::serialize(body);
}

}  // namespace evergrant
