#include "sandbox/key_shelf.hpp"

#include <boost/json.hpp>

namespace evergrant {

namespace json = boost::json;

Result<> KeyShelf::ensure_one() { return keys_.empty() ? rotate(false) : Result<>{}; }

Result<> KeyShelf::rotate(bool keep_old) {
  auto key = SigningKey::generate("RS256", marker_ + "sandbox-key-" + std::to_string(++made_));
  if (!key) return std::unexpected(key.error());
  if (!keep_old) keys_.clear();
  keys_.push_back(std::move(*key));
  return {};
}

Result<std::string> KeyShelf::sign(const json::object& claims) {
  if (const auto ready = ensure_one(); !ready) return std::unexpected(ready.error());
  return keys_.back().sign(json::serialize(claims));
}

Result<std::string> KeyShelf::sign_with_foreign_key(const json::object& claims) {
  if (const auto ready = ensure_one(); !ready) return std::unexpected(ready.error());
  const auto foreign = SigningKey::generate("RS256", keys_.back().kid());
  if (!foreign) return std::unexpected(foreign.error());
  return foreign->sign(json::serialize(claims));
}

Result<json::object> KeyShelf::key_set() {
  if (const auto ready = ensure_one(); !ready) return std::unexpected(ready.error());
  json::array keys;
  for (const auto& key : keys_) keys.push_back(json::parse(key.public_jwk()));
  return json::object{{"keys", std::move(keys)}};
}

void KeyShelf::clear() { keys_.clear(); }

Result<json::object> KeyShelf::to_json() const {
  json::array out;
  for (const auto& key : keys_) {
    const auto pem = key.to_pem();
    if (!pem) return std::unexpected(pem.error());
    out.push_back(json::object{{"kid", key.kid()}, {"pem", pem->reveal()}});
  }
  return json::object{{"made", made_}, {"keys", std::move(out)}};
}

Result<> KeyShelf::restore(const json::object& saved) {
  std::vector<SigningKey> restored;
  for (const auto& entry : saved.at("keys").as_array()) {
    const json::object& object = entry.as_object();
    const Secret pem{std::string_view{object.at("pem").as_string()}};
    auto key = SigningKey::from_pem("RS256", std::string{object.at("kid").as_string()}, pem);
    if (!key) return std::unexpected(key.error());
    restored.push_back(std::move(*key));
  }
  keys_ = std::move(restored);
  made_ = saved.at("made").to_number<int>();
  return {};
}

}  // namespace evergrant
