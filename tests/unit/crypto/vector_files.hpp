// Published test vectors as JSON: those that lie in the project, and those of a folder outside it, which may be missing.
#pragma once

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "base/encoding.hpp"

namespace evergrant::test {

inline std::optional<boost::json::value> json_file(const std::filesystem::path& path) {
  std::ifstream in{path};
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  return boost::json::parse(text.str());
}

// Of tests/unit/crypto/vectors. Throws if it is missing.
inline boost::json::value project_vectors(const std::string& name) {
  return json_file(std::filesystem::path{EVERGRANT_SOURCE_DIR} / "tests/unit/crypto/vectors" / name).value();
}

// Of the folder that EVERGRANT_VECTORS names. Without it: beside the checkout.
inline std::optional<boost::json::value> outside_vectors(const std::string& name) {
  const char* const named = std::getenv("EVERGRANT_VECTORS");
  const std::filesystem::path folder = named == nullptr ? EVERGRANT_SOURCE_DIR "/../shared/vectors" : named;
  return json_file(folder / name);
}

inline std::string text_at(const boost::json::value& test, std::string_view name) {
  return std::string{std::string_view{test.at(name).as_string()}};
}
inline std::string bytes_at(const boost::json::value& test, std::string_view name) {
  return hex_decode(text_at(test, name)).value();
}
inline std::int64_t id_of(const boost::json::value& test) { return test.at("tcId").as_int64(); }
inline bool is_labelled_valid(const boost::json::value& test) { return test.at("result").as_string() == "valid"; }

}  // namespace evergrant::test
