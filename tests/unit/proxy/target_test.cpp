#include "proxy/target.hpp"

#include <gtest/gtest.h>

namespace evergrant {
namespace {

constexpr std::string_view company = "9130347";

Provider books_api() {
  Provider provider;
  provider.id = ProviderId{"books"};
  provider.inject.api_base = "https://api.books.example";
  provider.inject.allowed_hosts = {"api.books.example"};
  provider.inject.realm_path = "/v3/company/{realm}/";
  return provider;
}

Provider files_api() {
  Provider provider;
  provider.id = ProviderId{"files"};
  provider.inject.api_base = "https://api.files.example/2.0";
  provider.inject.allowed_hosts = {"api.files.example", "upload.files.example", "*.cdn.example"};
  return provider;
}

// The URL, or the code of the refusal.
std::string url_of(const Provider& provider, const TargetRequest& request,
                   const std::map<std::string, std::string>& extras = {}) {
  const auto target = build_target(provider, extras, company, request);
  if (!target) return std::string{to_string(target.error().code)};
  return (target->at.tls ? "https://" : "http://") + target->at.authority + target->target;
}

TEST(TargetTest, a_path_goes_below_the_api_base_as_it_came) {
  EXPECT_EQ(url_of(files_api(), {.path = "/folders/1", .query = "limit=5&q=a%20b", .host = ""}),
            "https://api.files.example/2.0/folders/1?limit=5&q=a%20b");
  EXPECT_EQ(url_of(files_api(), {.path = "/", .query = "", .host = ""}), "https://api.files.example/2.0/");
  EXPECT_EQ(url_of(books_api(), {.path = "/v3/company/9130347/query", .query = "", .host = ""}),
            "https://api.books.example/v3/company/9130347/query");
}

struct PathRow {
  std::string_view path;
  bool passes = false;
};

TEST(TargetTest, what_another_program_could_read_differently_is_refused) {
  for (const auto& [path, passes] : std::initializer_list<PathRow>{
           {"/users/me", true},
           {"/users/a@b.example", true},
           {"/projects/group%2Fproject", true},
           {"/sites/https%3A%2F%2Fwww.example.com%2F/query", true},
           {"/v1/things:search", true},
           {"/files/100%25", true},
           {"/a/", true},
           {"/caf%C3%A9", true},
           {"", false},
           {"users", false},
           {"//evil.example/x", false},
           {"/%2Fevil.example/x", false},
           {"/%5Cevil.example/x", false},
           {"/\\evil.example", false},
           {"/a//b", false},
           {"/https://evil.example/", false},
           {"/https:%2F%2Fevil.example/", false},
           {"/HTTPS%3A/evil.example", false},
           {"/@evil.example/", false},
           {"/%40evil.example/", false},
           {"/.", false},
           {"/..", false},
           {"/../admin", false},
           {"/a/../../admin", false},
           {"/a/./b", false},
           {"/a/%2e%2e/b", false},
           {"/a/%2E./b", false},
           {"/a/.%2e/b", false},
           {"/a/..%2fb", false},
           {"/a%2f..%2fb", false},
           {"/a/%252e%252e/b", false},
           {"/a/%25252e%25252e/b", false},
           {"/a/%2525252e%2525252e/b", false},
           {"/a/..;/b", false},
           {"/a/..;x=1/b", false},
           {"/a/..%3b/b", false},
           {"/a/%5c..%5cb", false},
           {"/a%00", false},
           {"/a%0d%0aHost:%20evil.example", false},
           {"/a%250d%250ab", false},
           {"/a%7f", false},
           {"/a\r\nX: y", false},
           {"/a b", false},
           {"/a#b", false},
           {"/a%", false},
           {"/a%4", false},
           {"/a%zz", false},
           {"/a/%c0%ae%c0%ae/b", false},        // overlong dots
           {"/a/%e0%80%ae%e0%80%ae/b", false},  // longer still
           {"/a/%c0%af/b", false},              // overlong slash
           {"/a/%ef%bc%8e%ef%bc%8e/b", false},  // fullwidth dots
           {"/a%ef%bc%8fb", false},             // fullwidth slash
           {"/a%e2%88%95b", false},             // division slash
           {"/a/%e2%80%a5/b", false},           // two dot leader
           {"/a/%u002e%u002e/b", false},        // no escape of ours
           {"/%ff", false},
       }) {
    const auto url = url_of(files_api(), {.path = path, .query = "", .host = ""});
    EXPECT_EQ(url.starts_with("https://api.files.example/2.0/"), passes) << path << " → " << url;
    if (!passes) EXPECT_EQ(url, "invalid_argument") << path;
  }
}

TEST(TargetTest, a_path_longer_than_8_kib_is_refused) {
  EXPECT_EQ(url_of(files_api(), {.path = "/" + std::string(8 << 10, 'a'), .query = "", .host = ""}), "invalid_argument");
}

TEST(TargetTest, a_query_keeps_within_its_place) {
  for (const std::string_view query : {"a=b c", "a\r\nX: y", "a#b", "a=\x7f", "a=\xc3\xa9"}) {
    EXPECT_EQ(url_of(files_api(), {.path = "/x", .query = query, .host = ""}), "invalid_argument") << query;
  }
  EXPECT_EQ(url_of(files_api(), {.path = "/x", .query = "u=https://evil.example/../@x\\y", .host = ""}),
            "https://api.files.example/2.0/x?u=https://evil.example/../@x\\y");
}

struct RealmRow {
  std::string_view path;
  std::string_view outcome;  // "ok", or the code
};

TEST(TargetTest, a_path_that_names_another_realm_is_refused_in_every_encoding) {
  for (const auto& [path, outcome] : std::initializer_list<RealmRow>{
           {"/v3/company/9130347/query", "ok"},
           {"/v3/company/9130347", "ok"},
           {"/v3/company/9130347/companyinfo/9130347", "ok"},
           {"/V3/Company/9130347/query", "ok"},
           {"/v4/graphql", "ok"},
           {"/v3/company/1/query", "forbidden"},
           {"/v3/company/91303470/query", "forbidden"},
           {"/v3/company/913034/query", "forbidden"},
           {"/v3/COMPANY/1/query", "forbidden"},
           {"/v3/company", "forbidden"},
           {"/v3/company/", "forbidden"},
           {"/v3/%63ompany/1/query", "forbidden"},
           {"/v3/%2563ompany/1/query", "forbidden"},
           {"/v3/%252563ompany/1/query", "forbidden"},
           {"/v3/company/%31/query", "forbidden"},
           {"/v3/company/%2531/query", "forbidden"},
           {"/v3/company/%39130347/query", "forbidden"},  // ours, but hidden
           {"/v3/company/9130347%2f/query", "forbidden"},
           {"/v3/company%2f1/query", "forbidden"},
           {"/v3/company%2F1%2Fquery", "forbidden"},
           {"/v3/company%252F1%252Fquery", "forbidden"},
           {"/v3%2Fcompany%2F1/query", "forbidden"},
           {"/v3/company;x=9130347/1/query", "forbidden"},
           {"/v3/company/1;x=9130347/query", "forbidden"},
           {"/v3/company/9130347;/query", "forbidden"},
           {"/v3/company%20/1/query", "forbidden"},
           {"/v3/company/9130347%00/query", "invalid_argument"},
           {"/v3/company/9130347%20/query", "forbidden"},
           {"/v3/company/9130347,1/query", "forbidden"},
           {"/v3/company/9130347/../1/query", "invalid_argument"},
           {"/v3/company/9130347/%2e%2e/1/query", "invalid_argument"},
           {"/v3/company/9130347/..%2f1/query", "invalid_argument"},
           {"/v3//company/1/query", "invalid_argument"},
           {"/x/company/1/query", "forbidden"},  // below a prefix that the server takes off
           {"/v3/company/9130347/v3/company/1/query", "forbidden"},
           {"/v3/company/9130347/attachment%2F1", "invalid_argument"},
           {"/v3/%ef%bd%83ompany/1/query", "invalid_argument"},  // fullwidth c
           {"/v3/company/%ef%bc%91/query", "forbidden"},         // fullwidth 1
           {"/v3/%c1%a3ompany/1/query", "invalid_argument"},     // overlong c
           {"/v3/compan%d1%83/1/query", "invalid_argument"},     // Cyrillic
           {"/v3/company/%u0031/query", "invalid_argument"},
       }) {
    const auto url = url_of(books_api(), {.path = path, .query = "", .host = ""});
    EXPECT_EQ(url.starts_with("https://") ? "ok" : url, outcome) << path;
  }
}

TEST(TargetTest, a_realm_that_needs_encoding_is_found_again) {
  auto provider = books_api();
  provider.inject.realm_path = "/t/{realm}/";
  const auto path_for = [&](std::string_view path) {
    const auto target = build_target(provider, {}, "a b", {.path = path, .query = "", .host = ""});
    return target ? target->path : std::string{to_string(target.error().code)};
  };
  EXPECT_EQ(path_for("/t/a%20b/x"), "/t/a%20b/x");
  EXPECT_EQ(path_for("/t/a%2520b/x"), "forbidden");
  EXPECT_EQ(path_for("/t/a+b/x"), "forbidden");
}

TEST(TargetTest, a_realm_at_the_beginning_of_every_path_is_held_to) {
  auto provider = books_api();
  provider.inject.realm_path = "/{realm}/";
  EXPECT_EQ(url_of(provider, {.path = "/9130347/x", .query = "", .host = ""}), "https://api.books.example/9130347/x");
  EXPECT_EQ(url_of(provider, {.path = "/1/x", .query = "", .host = ""}), "forbidden");
  EXPECT_EQ(url_of(provider, {.path = "/", .query = "", .host = ""}), "forbidden");
}

TEST(TargetTest, a_caller_may_name_a_host_that_the_profile_lists_and_no_other) {
  const auto at = [](std::string_view host) { return url_of(files_api(), {.path = "/x", .query = "", .host = host}); };
  EXPECT_EQ(at("upload.files.example"), "https://upload.files.example/x");
  EXPECT_EQ(at("UPLOAD.files.example"), "https://upload.files.example/x");
  for (const std::string_view host : {"evil.example",
                                      "upload.files.example.evil.example",
                                      "upload.files.example@evil.example",
                                      "a.cdn.example",
                                      "cdn.example",
                                      "upload.files.example:8443",
                                      "upload.files.example:0",
                                      "upload.files.example/",
                                      "upload.files.example.",
                                      "upload.files.example\\.evil.example",
                                      "upload.files.example#",
                                      "127.0.0.1",
                                      "[::1]",
                                      "0x7f000001",
                                      "2130706433",
                                      "169.254.169.254",
                                      "upload.files.example%00",
                                      "xn--upload",
                                      " upload.files.example",
                                      "*.cdn.example"}) {
    EXPECT_EQ(at(host), "forbidden") << host;
  }
}

TEST(TargetTest, a_host_of_the_connection_must_be_one_of_the_profiles) {
  Provider provider;
  provider.id = ProviderId{"crm"};
  provider.inject.api_base = "{instance_url}";
  provider.inject.allowed_hosts = {"*.crm.example"};
  provider.host_variables = {
      {.name = "instance_url", .source = "token_response", .field = "instance_url", .pattern = ".*", .fallback = ""}};
  const auto at = [&](const std::string& instance) {
    return url_of(provider, {.path = "/x", .query = "", .host = ""}, {{"instance_url", instance}});
  };
  EXPECT_EQ(at("https://acme.my.crm.example"), "https://acme.my.crm.example/x");
  EXPECT_EQ(at("https://acme.crm.example/"), "https://acme.crm.example/x");
  for (const std::string instance : {"https://crm.example", "https://.crm.example", "https://evilcrm.example",
                                     "https://acme.crm.example.evil.example", "https://acme.crm.example:8443"}) {
    EXPECT_EQ(at(instance), "forbidden") << instance;
  }
  for (const std::string instance :
       {"http://acme.crm.example", "https://acme.crm.example@evil.example", "https://evil.example\\.crm.example",
        "https://acme.crm.example#", "acme.crm.example", "https://0x7f.1", "https://acme.crm.example."}) {
    EXPECT_EQ(at(instance), "invalid_argument") << instance;
  }
  EXPECT_EQ(url_of(provider, {.path = "/x", .query = "", .host = ""}), "invalid_argument");  // not known
}

TEST(TargetTest, plain_http_is_for_loopback_in_development_only) {
  Provider provider = books_api();
  provider.inject.api_base = "http://127.0.0.1:9500";
  provider.inject.allowed_hosts = {"127.0.0.1:9500"};
  EXPECT_EQ(url_of(provider, {.path = "/x", .query = "", .host = ""}), "invalid_argument");
  provider.allow_loopback_http = true;
  EXPECT_EQ(url_of(provider, {.path = "/x", .query = "", .host = ""}), "http://127.0.0.1:9500/x");
  EXPECT_EQ(url_of(provider, {.path = "/x", .query = "", .host = "127.0.0.1:9500"}), "http://127.0.0.1:9500/x");
  EXPECT_EQ(url_of(provider, {.path = "/x", .query = "", .host = "127.0.0.1:9501"}), "forbidden");
  provider.inject.api_base = "http://api.books.example";
  EXPECT_EQ(url_of(provider, {.path = "/x", .query = "", .host = ""}), "invalid_argument");
}

TEST(TargetTest, a_profile_without_an_api_is_said_to_have_none) {
  EXPECT_EQ(url_of(Provider{}, {.path = "/x", .query = "", .host = ""}), "unsupported");
}

}  // namespace
}  // namespace evergrant
