#include "net/forwarded.hpp"

#include <gtest/gtest.h>

namespace evergrant::test {
namespace {

struct Case {
  std::string why;
  std::string peer;  // "unix": a unix socket
  std::vector<std::string> forwarded_for;
  std::vector<std::string> forwarded_proto;
  std::string remote;
  bool secure;
};

Peer peer_of(const std::string& text) {
  if (text == "unix") return {std::nullopt, "unix", false};
  return {IpAddress::parse(text), text, false};
}

HttpRequest request_of(const Case& row) {
  HttpRequest request;
  for (const auto& value : row.forwarded_for) request.headers.add("x-forwarded-for", value);
  for (const auto& value : row.forwarded_proto) request.headers.add("X-Forwarded-Proto", value);
  return request;
}

TEST(TrustedProxies, forwarded_headers_are_believed_from_trusted_peers_only) {
  const auto proxies = TrustedProxies::parse({"10.0.0.0/8", "fd00::1"});
  ASSERT_TRUE(proxies);
  const std::vector<Case> table{
      {"no proxy", "192.0.2.1", {}, {}, "192.0.2.1", false},
      {"a liar", "192.0.2.1", {"1.2.3.4"}, {"https"}, "192.0.2.1", false},
      {"the unix socket is not trusted by default", "unix", {"1.2.3.4"}, {"https"}, "unix", false},
      {"a proxy without headers", "10.0.0.1", {}, {}, "10.0.0.1", false},
      {"a proxy", "10.0.0.1", {"192.0.2.9"}, {"https"}, "192.0.2.9", true},
      {"a proxy, plain", "10.0.0.1", {"192.0.2.9"}, {"http"}, "192.0.2.9", false},
      {"a proxy over IPv6", "fd00::1", {"2001:db8::9"}, {"HTTPS"}, "2001:db8::9", true},
      {"what the client wrote itself stands left and does not count",
       "10.0.0.1",
       {"1.1.1.1, 192.0.2.9"},
       {},
       "192.0.2.9",
       false},
      {"two proxies", "10.0.0.1", {"192.0.2.9, 10.0.0.2"}, {}, "192.0.2.9", false},
      {"two header lines are one list", "10.0.0.1", {"1.1.1.1, 192.0.2.9", "10.0.0.2"}, {}, "192.0.2.9", false},
      {"proxies all the way", "10.0.0.1", {"10.0.0.3, 10.0.0.2"}, {}, "10.0.0.3", false},
      {"nonsense ends the search", "10.0.0.1", {"192.0.2.9, unknown, 10.0.0.2"}, {}, "10.0.0.2", false},
      {"nonsense alone", "10.0.0.1", {"evil<script>"}, {}, "10.0.0.1", false},
      {"a mapped address is the IPv4 address", "10.0.0.1", {"::ffff:192.0.2.9"}, {}, "192.0.2.9", false},
      {"schemes that disagree are not secure", "10.0.0.1", {"192.0.2.9"}, {"https", "http"}, "192.0.2.9", false},
      {"an unknown scheme is not secure", "10.0.0.1", {"192.0.2.9"}, {"httpsx"}, "192.0.2.9", false},
  };
  for (const auto& row : table) {
    HttpRequest request = request_of(row);
    proxies->apply(peer_of(row.peer), request);
    EXPECT_EQ(request.remote, row.remote) << row.why;
    EXPECT_EQ(request.secure, row.secure) << row.why;
  }
}

TEST(TrustedProxies, the_unix_socket_can_be_trusted) {
  const auto proxies = TrustedProxies::parse({"unix"});
  ASSERT_TRUE(proxies);
  HttpRequest request;
  request.headers.add("X-Forwarded-For", "192.0.2.9");
  request.headers.add("X-Forwarded-Proto", "https");
  proxies->apply(peer_of("unix"), request);
  EXPECT_EQ(request.remote, "192.0.2.9");
  EXPECT_TRUE(request.secure);
  Peer somebody = peer_of("unix");
  somebody.local = LocalPeer{.uid = 1000, .gid = 1000, .pid = 7};
  HttpRequest other;
  proxies->apply(somebody, other);
  EXPECT_FALSE(other.local_peer) << "it is a proxy that speaks for others";
  TrustedProxies{}.apply(somebody, other);
  ASSERT_TRUE(other.local_peer);
  EXPECT_EQ(other.local_peer->uid, 1000U);
}

TEST(TrustedProxies, tls_of_our_own_is_secure_whoever_asks) {
  HttpRequest request;
  TrustedProxies{}.apply({IpAddress::parse("192.0.2.1"), "192.0.2.1", true}, request);
  EXPECT_TRUE(request.secure);
}

}  // namespace
}  // namespace evergrant::test
