// One table of error answers of token endpoints: each row is an answer and what it means. The rows of the standards and of
// broken servers are in error_answers_test.cpp, those of real providers in provider_errors_test.cpp.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "oauth/profile.hpp"
#include "oauth/token_answer.hpp"
#include "support/fake_transport.hpp"

namespace evergrant::test {

using Change = std::function<void(Provider&)>;
inline const Change as_it_is = [](Provider&) {};
// As the file in providers/ says.
inline Change shipped(const std::string& id) {
  return [id](Provider& provider) {
    auto loaded = load_profile_file(std::string{EVERGRANT_SOURCE_DIR} + "/providers/" + id + ".toml");
    if (!loaded) throw std::logic_error(loaded.error().message);
    provider = loaded->front();
  };
}

inline Verdict judge_answer(const HttpResponse& response, const Change& change) {
  const Time sent_at = *from_rfc3339("2026-11-23T12:00:00Z");
  Provider provider;
  change(provider);
  return judge_token_answer(response, provider, {.sent_at = sent_at, .scope = {"read", "write"}},
                            sent_at + std::chrono::seconds{2});
}

struct ErrorRow {
  std::string_view name;
  int status;
  std::string body;
  std::string content_type;
  Change profile;
  FailureClass failure;
  std::string code;
};
inline void PrintTo(const ErrorRow& row, std::ostream* out) { *out << row.name; }

inline void expect_verdict(const ErrorRow& row) {
  const auto verdict = judge_answer(http_answer(row.status, row.body, row.content_type), row.profile);
  EXPECT_EQ(to_string(verdict.failure), to_string(row.failure)) << row.name;
  EXPECT_EQ(verdict.code, row.code) << row.name;
  EXPECT_EQ(verdict.status, row.status);
  EXPECT_TRUE(verdict.sent);
  EXPECT_FALSE(verdict.tokens);
}

inline const std::string html = "<!doctype html><title>Server Error (500)</title><h1>Server Error</h1>";
inline const std::string json_type = "application/json";
inline const Change cybersource = [](Provider& p) { p.errors.definite_statuses = {500}; };

}  // namespace evergrant::test
