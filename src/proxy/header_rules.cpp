#include "proxy/header_rules.hpp"

#include <algorithm>
#include <array>

#include "base/encoding.hpp"
#include "oauth/request_body.hpp"

namespace evergrant {
namespace {

// RFC 9110 7.6.1, and what older programs treat alike. Framing is made anew on each side.
constexpr std::array<std::string_view, 11> hop_by_hop{
    "connection",       "keep-alive",     "te",     "trailer", "transfer-encoding", "upgrade", "content-length",
    "proxy-connection", "http2-settings", "expect", "close"};

// Who sent it and how; credentials; and what would make a server see another method or path than the one that was judged.
constexpr std::array<std::string_view, 31> of_the_caller{"authorization",
                                                         "cookie",
                                                         "cookie2",
                                                         "host",
                                                         "x-host",
                                                         "forwarded",
                                                         "x-forwarded",
                                                         "via",
                                                         "x-real-ip",
                                                         "true-client-ip",
                                                         "client-ip",
                                                         "x-client-ip",
                                                         "x-cluster-client-ip",
                                                         "fastly-client-ip",
                                                         "x-remote-ip",
                                                         "x-remote-addr",
                                                         "x-originating-ip",
                                                         "x-azure-clientip",
                                                         "x-azure-socketip",
                                                         "x-appengine-user-ip",
                                                         "x-envoy-external-address",
                                                         "x-envoy-original-path",
                                                         "x-envoy-original-host",
                                                         "max-forwards",
                                                         "x-http-method",
                                                         "x-http-method-override",
                                                         "x-http-host-override",
                                                         "x-http-path-override",
                                                         "x-method-override",
                                                         "x-override-url",
                                                         "x-rewrite-url"};
constexpr std::array<std::string_view, 7> prefixes_of_the_caller{
    "proxy-", "x-proxy-", "x-forwarded-", "forwarded-", "x-original-", "cf-connecting-", "evergrant-"};

// About the provider's site, its cookies and connections; from our host they would mean ours.
constexpr std::array<std::string_view, 15> of_the_site{"set-cookie",
                                                       "set-cookie2",
                                                       "alt-svc",
                                                       "strict-transport-security",
                                                       "public-key-pins",
                                                       "public-key-pins-report-only",
                                                       "expect-ct",
                                                       "clear-site-data",
                                                       "nel",
                                                       "report-to",
                                                       "reporting-endpoints",
                                                       "service-worker-allowed",
                                                       "refresh",
                                                       "location",
                                                       "content-location"};
constexpr std::array<std::string_view, 3> prefixes_of_the_site{"access-control-", "proxy-", "evergrant-"};

char folded(char c) {
  if (c == '_') return '-';
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_field(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return folded(x) == folded(y); });
}

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::ranges::any_of(names, [&](std::string_view one) { return same_field(name, one); });
}

template <std::size_t N>
bool begins_with_one_of(std::string_view name, const std::array<std::string_view, N>& prefixes) {
  return std::ranges::any_of(prefixes, [&](std::string_view prefix) {
    return name.size() >= prefix.size() && same_field(name.substr(0, prefix.size()), prefix);
  });
}

bool is_named(std::string_view name, const std::vector<std::string_view>& names) {
  return std::ranges::any_of(names, [&](std::string_view one) { return same_field(name, one); });
}

template <class Use>
void for_each_word(const Headers& headers, std::string_view name, const Use& use) {
  for (const auto& [field, value] : headers.all()) {
    if (!equal_ignoring_case(field, name)) continue;
    std::string_view rest = value;
    while (true) {
      const auto comma = std::min(rest.find(','), rest.size());
      if (const auto word = trim(rest.substr(0, comma)); !word.empty()) use(word);
      if (comma == rest.size()) break;
      rest.remove_prefix(comma + 1);
    }
  }
}

std::vector<std::string_view> named_by_connection(const Headers& headers) {
  std::vector<std::string_view> names;
  for_each_word(headers, "Connection", [&](std::string_view word) { names.push_back(word); });
  return names;
}

}  // namespace

RequestFields::RequestFields(const Headers& caller, const InjectProfile& profile)
    : profile_{profile}, named_{named_by_connection(caller)} {}

bool RequestFields::passes(std::string_view name) const {
  if (is_one_of(name, hop_by_hop) || is_one_of(name, of_the_caller)) return false;
  if (begins_with_one_of(name, prefixes_of_the_caller) || is_named(name, named_)) return false;
  if (same_field(name, profile_.header)) return false;
  if (std::ranges::any_of(profile_.extra_headers, [&](const auto& extra) { return same_field(name, extra.first); })) {
    return false;
  }
  return std::ranges::none_of(profile_.forbidden_headers,
                              [&](const std::string& forbidden) { return same_field(name, forbidden); });
}

bool RequestFields::passes_as_trailer(std::string_view name) const {
  static constexpr std::array<std::string_view, 8> of_the_header{
      "content-type", "content-encoding", "content-range", "range", "if-match", "if-none-match", "age", "date"};
  return passes(name) && !is_one_of(name, of_the_header);
}

AnswerFields::AnswerFields(const Headers& answer) : named_{named_by_connection(answer)} {}

bool AnswerFields::passes(std::string_view name) const {
  return !is_one_of(name, hop_by_hop) && !is_one_of(name, of_the_site) && !begins_with_one_of(name, prefixes_of_the_site) &&
         !is_named(name, named_);
}

std::string joined(const Headers& headers, std::string_view name) {
  std::string all;
  for (const auto& [field, value] : headers.all()) {
    if (!equal_ignoring_case(field, name)) continue;
    if (!all.empty()) all += ", ";
    all += value;
  }
  return all;
}

bool lists_word(const Headers& headers, std::string_view name, std::string_view word) {
  bool found = false;
  for_each_word(headers, name, [&](std::string_view one) { found = found || equal_ignoring_case(one, word); });
  return found;
}

Result<std::vector<Injection>> extra_fields(const InjectProfile& profile, std::string_view realm) {
  std::vector<Injection> fields;
  for (const auto& [name, value] : profile.extra_headers) {
    std::string text = fill_in(value, "realm", realm);
    const bool clean = std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
    if (!clean) return fail(Errc::invalid_argument, "the connection's realm cannot stand in the header '" + name + "'");
    fields.push_back({.name = name, .value = std::move(text)});
  }
  return fields;
}

}  // namespace evergrant
