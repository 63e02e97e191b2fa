#include "net/address_guard.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>

#include <vector>

namespace evergrant::test {
namespace {

IpAddress ip(std::string_view text) {
  const auto address = IpAddress::parse(text);
  EXPECT_TRUE(address) << text;
  return address.value_or(IpAddress::v4(0));
}

TEST(IpAddress, only_plain_notation_is_read_and_written_back) {
  for (const std::string_view text :
       {"0.0.0.0", "127.0.0.1", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1", "64:ff9b::102:304"}) {
    EXPECT_EQ(ip(text).to_string(), text);
  }
  EXPECT_EQ(ip("::ffff:10.1.2.3").to_string(), "10.1.2.3");
  EXPECT_EQ(ip("::ffff:a01:203"), ip("10.1.2.3"));
  EXPECT_EQ(ip("2001:DB8:0:0::1"), ip("2001:db8::1"));
  for (const std::string_view text : {"", "1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "0x7f.0.0.1", "256.1.1.1", " 1.2.3.4",
                                      "1.2.3.4 ", "[::1]", "::1%lo", "1.2.3.4/8", ":::", "g::1"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view{"1.2.3.4\0x", 9}));
}

TEST(IpAddress, a_socket_address_of_another_family_is_none) {
  sockaddr address{};
  address.sa_family = AF_UNIX;
  EXPECT_FALSE(IpAddress::from(address));
}

TEST(Cidr, a_block_contains_its_addresses_and_no_others) {
  struct Case {
    std::string block, inside, outside;
  };
  const std::vector<Case> table{
      {"10.0.0.0/8", "10.255.0.1", "11.0.0.0"},
      {"10.0.0.0/8", "::ffff:10.0.0.1", "::10.0.0.1"},
      {"192.0.2.7", "192.0.2.7", "192.0.2.6"},
      {"192.0.2.128/25", "192.0.2.255", "192.0.2.127"},
      {"192.0.2.0/31", "192.0.2.1", "192.0.2.2"},
      {"0.0.0.0/0", "8.8.8.8", "2001:db8::1"},
      {"fd00::/8", "fdff::1", "fc00::1"},
      {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
      {"::1", "::1", "::2"},
      {"::ffff:10.0.0.0/104", "10.1.1.1", "11.1.1.1"},
      {"10.1.2.3/8", "10.9.9.9", "11.1.2.3"},
  };
  for (const auto& [text, inside, outside] : table) {
    const auto block = Cidr::parse(text);
    ASSERT_TRUE(block) << text;
    EXPECT_TRUE(block->contains(ip(inside))) << text << " " << inside;
    EXPECT_FALSE(block->contains(ip(outside))) << text << " " << outside;
  }
}

TEST(Cidr, what_is_no_block_is_refused) {
  for (const std::string_view text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/8/8",
                                      "::/129", "example.com", "10.0.0/8"}) {
    const auto block = Cidr::parse(text);
    ASSERT_FALSE(block) << text;
    EXPECT_EQ(block.error().code, Errc::invalid_argument);
    EXPECT_FALSE(block.error().hint.empty());
  }
}

TEST(AddressGuard, addresses_outside_the_public_internet_are_not_public) {
  for (const std::string_view text : {
           "0.0.0.0",
           "0.1.2.3",
           "10.0.0.1",
           "10.255.255.255",
           "100.64.0.1",
           "100.100.100.200",
           "100.127.255.255",
           "127.0.0.1",
           "127.255.255.254",
           "169.254.0.1",
           "169.254.169.254",
           "169.254.170.2",
           "172.16.0.1",
           "172.31.255.255",
           "192.0.0.1",
           "192.0.0.192",
           "192.0.2.1",
           "192.88.99.1",
           "192.168.0.1",
           "192.168.255.255",
           "198.18.0.1",
           "198.19.255.255",
           "198.51.100.1",
           "203.0.113.1",
           "224.0.0.1",
           "239.255.255.255",
           "240.0.0.1",
           "255.255.255.255",
           "168.63.129.16",
           // IPv6
           "::",
           "::1",
           "::7f00:1",
           "::ffff:127.0.0.1",
           "::ffff:10.0.0.1",
           "::ffff:169.254.169.254",
           "::ffff:0:127.0.0.1",
           "100::1",
           "fc00::1",
           "fd00:ec2::254",
           "fdff::1",
           "fe80::1",
           "febf::1",
           "fec0::1",
           "ff02::1",
           "ff0e::1",
           "2001::1",
           "2001:0:7f00:1::",
           "2001:20::1",
           "2001:db8::1",
           "2002:7f00:1::",
           "2002:808:808::1",
           "3fff::1",
           "3fff:fff::1",
           "64:ff9b::7f00:1",
           "64:ff9b::a9fe:a9fe",
           "64:ff9b:1::1",
           "4000::1",
           "5f00::1",
       }) {
    EXPECT_FALSE(is_public_address(ip(text))) << text;
  }
}

TEST(AddressGuard, addresses_of_the_public_internet_are_public) {
  for (const std::string_view text :
       {"1.1.1.1",         "8.8.8.8",         "9.255.255.255",     "11.0.0.1",         "100.63.255.255",  "100.128.0.1",
        "126.255.255.255", "128.0.0.1",       "169.253.255.255",   "172.15.255.255",   "172.32.0.1",      "192.0.1.1",
        "192.167.255.255", "192.169.0.1",     "198.17.255.255",    "198.20.0.1",       "223.255.255.255", "::ffff:8.8.8.8",
        "2001:200::1",     "2606:4700::1111", "2a00:1450:4001::1", "64:ff9b::808:808", "3ffe::1"}) {
    EXPECT_TRUE(is_public_address(ip(text))) << text;
  }
}

TEST(AddressGuard, a_host_in_numbers_is_read_as_a_resolver_reads_it) {
  struct Case {
    std::string host, address;
  };
  const std::vector<Case> table{
      {"127.0.0.1", "127.0.0.1"},
      {"2130706433", "127.0.0.1"},
      {"0x7f000001", "127.0.0.1"},
      {"0X7F000001", "127.0.0.1"},
      {"017700000001", "127.0.0.1"},
      {"127.1", "127.0.0.1"},
      {"127.0.1", "127.0.0.1"},
      {"0x7f.1", "127.0.0.1"},
      {"0177.0.0.1", "127.0.0.1"},
      {"0x7f.0x0.0x0.0x1", "127.0.0.1"},
      {"127.0.0.1.", "127.0.0.1"},
      {"2852039166", "169.254.169.254"},
      {"0xa9fea9fe", "169.254.169.254"},
      {"169.254.43518", "169.254.169.254"},
      {"0251.0376.0251.0376", "169.254.169.254"},
      {"0", "0.0.0.0"},
      {"0x", "0.0.0.0"},
      {"10.0.0.0x01", "10.0.0.1"},
      {"4294967295", "255.255.255.255"},
  };
  for (const auto& [host, address] : table) {
    const auto read = read_numeric_host(host);
    ASSERT_TRUE(read) << host;
    EXPECT_EQ(read->to_string(), address) << host;
  }
  for (const std::string_view host : {"", "example.com", "1.example", "127.0.0.1.example", "256.0.0.1", "4294967296",
                                      "1.2.3.4.5", "1..2", ".1", "08.1.1.1", "1.2.3.0x100", "0xg", "-1", "1.2.3.-4"}) {
    EXPECT_FALSE(read_numeric_host(host)) << host;
  }
}

struct UrlCase {
  std::string url;
  bool configured;  // may be asked for when it comes from the configuration
  bool remote;      // may be asked for when a document supplied it
};

TEST(AddressGuard, a_url_passes_or_not_by_where_it_comes_from) {
  const std::vector<UrlCase> table{
      {"https://example.com", true, true},
      {"https://example.com/", true, true},
      {"HTTPS://Example.COM:8443/a?b=c", true, true},
      {"https://xn--bcher-kva.example/", true, true},
      {"https://8.8.8.8/jwks", true, true},
      {"https://[2606:4700::1111]/", true, true},
      // addresses and names that are the operator's business only
      {"https://127.0.0.1/", true, false},
      {"https://10.0.0.5:8443/token", true, false},
      {"https://169.254.169.254/latest/meta-data/", true, false},
      {"https://[::1]/", true, false},
      {"https://[::ffff:169.254.169.254]/", true, false},
      {"https://[::ffff:a9fe:a9fe]/", true, false},
      {"https://[64:ff9b::a9fe:a9fe]/", true, false},
      {"https://[fd00:ec2::254]/", true, false},
      {"https://localhost/", true, false},
      {"https://LOCALHOST./", true, false},
      {"https://app.localhost/", true, false},
      {"https://metadata.google.internal/", true, false},
      {"https://metadata/", true, false},
      {"https://printer.local/", true, false},
      {"https://printer.home.arpa/", true, false},
      // addresses in disguise: nobody's business
      {"https://2130706433/", false, false},
      {"https://0x7f000001/", false, false},
      {"https://0x7f.1/", false, false},
      {"https://017700000001/", false, false},
      {"https://127.1/", false, false},
      {"https://0177.0.0.1/", false, false},
      {"https://127.0.0.1./", false, false},
      {"https://256.256.256.256/", false, false},
      {"https://127.0.0.1.example/", false, false},
      {"https://8.8.8.8.internal/", false, false},
      {"https://8.8.8.810/", false, false},
      {"https://1.2.3.4.5/", false, false},
      {"https://127.0.0.1%2eexample/", false, false},
      {"https://%6c%6f%63alhost/", false, false},
      {"https://[fe80::1%25eth0]/", false, false},
      {"https://[v1.x]/", false, false},
      {"https://[::1", false, false},
      // authorities that two parsers read differently
      {"https://user@example.com/", false, false},
      {"https://user:pw@example.com/", false, false},
      {"https://example.com@127.0.0.1/", false, false},
      {"https://@example.com/", false, false},
      {"https://example.com\\@127.0.0.1/", false, false},
      {"https://example.com\\.evil.example/", false, false},
      {"https://example.com:443:80/", false, false},
      {"https://example.com:0/", false, false},
      {"https://example.com:65536/", false, false},
      {"https://example.com:abc/", false, false},
      {"https:///etc/passwd", false, false},
      {"https://", false, false},
      {"https:example.com", false, false},
      {"https:/example.com", false, false},
      {"//example.com/", false, false},
      {"/token", false, false},
      {"", false, false},
      {"https://example.com/#fragment", false, false},
      {"https://exa mple.com/", false, false},
      {"https://example.com/a b", false, false},
      {" https://example.com/", false, false},
      {"https://example.com/\r\nX-Injected: 1", false, false},
      {"https://example.com\t/", false, false},
      {std::string{"https://example.com\0.evil/", 26}, false, false},
      {"https://b\xc3\xbc"
       "cher.example/",
       false, false},
      {"https://127\xe3\x80\x82"
       "0\xe3\x80\x82"
       "0\xe3\x80\x82"
       "1/",
       false, false},
      {"https://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1/", false, false},
      {"https://ex*mple.com/", false, false},
      // schemes
      {"http://example.com/", false, false},
      {"file:///etc/passwd", false, false},
      {"ftp://example.com/", false, false},
      {"gopher://example.com/", false, false},
      {"javascript:alert(1)", false, false},
  };
  for (const auto& [url, configured, remote] : table) {
    EXPECT_EQ(check_url(url, AddressRule::configured, false).has_value(), configured) << url;
    EXPECT_EQ(check_url(url, AddressRule::remote, false).has_value(), remote) << url;
    EXPECT_EQ(check_url(url, AddressRule::configured, true).has_value(), configured) << url;
  }
}

TEST(AddressGuard, plain_http_passes_for_loopback_where_that_is_allowed) {
  for (const std::string_view url : {"http://127.0.0.1:8080/", "http://127.9.9.9/", "http://localhost:1/",
                                     "HTTP://LocalHost/", "http://[::1]:80/x", "http://a.localhost/"}) {
    EXPECT_TRUE(check_url(url, AddressRule::configured, true)) << url;
    EXPECT_FALSE(check_url(url, AddressRule::configured, false)) << url;
    EXPECT_FALSE(check_url(url, AddressRule::remote, true)) << url;
  }
  for (const std::string_view url :
       {"http://example.com/", "http://10.0.0.1/", "http://127.0.0.1.example/", "http://localhost.example/",
        "http://notlocalhost/", "http://127.1/", "http://0.0.0.0/", "http://[::]/"}) {
    EXPECT_FALSE(check_url(url, AddressRule::configured, true)) << url;
  }
}

TEST(AddressGuard, refusals_are_the_callers_error_and_quote_no_confidential_part) {
  for (const std::string_view url :
       {"https://user:canary@example.com/", "http://example.com/canary?canary", "https://127.1/canary", "canary"}) {
    const auto checked = check_url(url, AddressRule::remote, false);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, Errc::invalid_argument);
    EXPECT_THAT(checked.error().message, testing::Not(testing::HasSubstr("canary")));
    EXPECT_FALSE(checked.error().hint.empty());
  }
}

TEST(AddressGuard, a_socket_may_connect_by_rule_and_scheme) {
  EXPECT_TRUE(may_connect(ip("10.0.0.1"), AddressRule::configured, false));
  EXPECT_FALSE(may_connect(ip("10.0.0.1"), AddressRule::remote, false));
  EXPECT_TRUE(may_connect(ip("8.8.8.8"), AddressRule::remote, false));
  EXPECT_TRUE(may_connect(ip("127.0.0.1"), AddressRule::configured, true));
  EXPECT_FALSE(may_connect(ip("8.8.8.8"), AddressRule::configured, true));
  EXPECT_FALSE(may_connect(ip("127.0.0.1"), AddressRule::remote, true));
}

}  // namespace
}  // namespace evergrant::test
