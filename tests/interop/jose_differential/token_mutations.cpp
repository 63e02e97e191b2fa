// What can happen to a good token on its way, and to the signature in it.
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "interop/jose_differential/workshop.hpp"

namespace evergrant::differential {
namespace {

Item good(Workshop& shop, const Signer& signer) {
  return {.what = {}, .token = shop.good_token(signer), .keys = shop.keys_for(signer), .allowed = {signer.alg}};
}

using OnToken = std::function<std::string(Workshop&, std::string)>;
using OnParts = std::function<void(Workshop&, Parts&)>;
using OnSignature = std::function<std::string(const Signer&, std::string)>;

void on_token(std::vector<Mutation>& all, std::string what, OnToken change) {
  all.push_back({std::move(what), [change = std::move(change)](Workshop& shop) {
                   Item item = good(shop, shop.any_signer());
                   item.token = change(shop, std::move(item.token));
                   return item;
                 }});
}

void on_parts(std::vector<Mutation>& all, std::string what, OnParts change) {
  on_token(all, std::move(what), [change = std::move(change)](Workshop& shop, const std::string& token) {
    Parts parts = Workshop::take_apart(token);
    change(shop, parts);
    return Workshop::assemble(parts);
  });
}

// `algs`: those whose signatures it makes sense for.
void on_signature(std::vector<Mutation>& all, std::string what, std::vector<std::string> algs, OnSignature change) {
  all.push_back({std::move(what), [algs = std::move(algs), change = std::move(change)](Workshop& shop) {
                   const Signer& signer = shop.signer_of(algs[shop.below(algs.size())]);
                   Item item = good(shop, signer);
                   Parts parts = Workshop::take_apart(item.token);
                   parts.signature = change(signer, std::move(parts.signature));
                   item.token = Workshop::assemble(parts);
                   return item;
                 }});
}

void flip_a_bit(Workshop& shop, std::string& bytes) {
  char& byte = bytes[shop.below(bytes.size())];
  byte = static_cast<char>(byte ^ (1 << shop.below(8)));
}

std::size_t begin_of(const std::string& token, std::size_t part) {
  std::size_t at = 0;
  for (; part > 0; --part) at = token.find('.', at) + 1;
  return at;
}
std::size_t end_of(const std::string& token, std::size_t part) {
  return std::min(token.size(), token.find('.', begin_of(token, part)));
}

// Another character of the alphabet: with `last_bits` one that decodes to the same bytes where decoders are lenient.
std::string with_stray_bits(Workshop& shop, std::string token) {
  static constexpr std::string_view alphabet{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};
  for (std::size_t part = shop.below(3), tries = 0; tries < 3; part = (part + 1) % 3, ++tries) {
    const std::size_t rest = (end_of(token, part) - begin_of(token, part)) % 4;
    if (rest == 0) continue;
    char& last = token[end_of(token, part) - 1];
    last = alphabet[alphabet.find(last) ^ (1 + shop.below(rest == 2 ? 15 : 3))];
    break;
  }
  return token;
}

void add_encodings(std::vector<Mutation>& all) {
  static constexpr std::array parts{"header", "payload", "signature"};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string part = parts[i];
    on_token(all, "encoding: another character in the " + part, [i](Workshop& shop, std::string token) {
      const std::size_t at = begin_of(token, i) + shop.below(end_of(token, i) - begin_of(token, i));
      token[at] = static_cast<char>(1 + shop.below(255));
      return token;
    });
    for (const auto& [name, text] : {std::pair{"=", "="},
                                     {"==", "=="},
                                     {"a space", " "},
                                     {"a newline", "\n"},
                                     {"CR LF", "\r\n"},
                                     {"a tab", "\t"},
                                     {"%3D", "%3D"},
                                     {"one A", "A"},
                                     {"a NUL", ""},
                                     {"a no-break space", "\xc2\xa0"}}) {
      const std::string added = *text == '\0' ? std::string(1, '\0') : text;
      on_token(all, std::string{"encoding: "} + name + " behind the " + part,
               [i, added](Workshop&, std::string token) { return token.insert(end_of(token, i), added); });
    }
    on_token(all, "encoding: white space inside the " + part, [i](Workshop& shop, std::string token) {
      const std::size_t size = end_of(token, i) - begin_of(token, i);
      return token.insert(begin_of(token, i) + 1 + shop.below(size - 1), 1, " \n\t\r\f"[shop.below(5)]);
    });
    on_token(all, "encoding: last character of the " + part + " lost",
             [i](Workshop&, std::string token) { return token.erase(end_of(token, i) - 1, 1); });
    on_token(all, "encoding: no " + part, [i](Workshop&, std::string token) {
      return token.erase(begin_of(token, i), end_of(token, i) - begin_of(token, i));
    });
  }
  on_token(all, "encoding: white space in front", [](Workshop&, std::string token) { return " " + std::move(token); });
  on_token(all, "encoding: byte order mark in front",
           [](Workshop&, std::string token) { return "\xef\xbb\xbf" + std::move(token); });
  on_token(all, "encoding: bits that no byte needs", with_stray_bits);
  on_token(all, "encoding: base64 in place of base64url", [](Workshop& shop, const std::string& token) {
    const Parts parts = Workshop::take_apart(token);
    std::string other = base64_encode(parts.signature);
    if (shop.below(2) == 0) other.erase(std::min(other.size(), other.find('=')));
    return token.substr(0, begin_of(token, 2)) + other;
  });
}

void add_shapes(std::vector<Mutation>& all) {
  on_token(all, "shape: a fourth part", [](Workshop&, std::string token) { return std::move(token) + ".AAAA"; });
  on_token(all, "shape: five parts", [](Workshop&, std::string token) { return std::move(token) + ".AAAA.AAAA"; });
  on_token(all, "shape: a dot behind", [](Workshop&, std::string token) { return std::move(token) + "."; });
  on_token(all, "shape: a dot in front", [](Workshop&, std::string token) { return "." + std::move(token); });
  on_token(all, "shape: signature and dot lost",
           [](Workshop&, const std::string& token) { return token.substr(0, begin_of(token, 2) - 1); });
  on_token(all, "shape: cut short",
           [](Workshop& shop, const std::string& token) { return token.substr(0, shop.below(token.size())); });
  on_token(all, "shape: twice", [](Workshop&, const std::string& token) { return token + token; });
  on_token(all, "shape: Bearer in front", [](Workshop&, std::string token) { return "Bearer " + std::move(token); });
  on_token(all, "shape: JSON", [](Workshop&, const std::string& token) {
    const auto parts = split(token, '.');
    return R"({"protected":")" + parts[0] + R"(","payload":")" + parts[1] + R"(","signature":")" + parts[2] + "\"}";
  });
  on_parts(all, "shape: header and payload swapped", [](Workshop&, Parts& p) { std::swap(p.header, p.payload); });
  on_parts(all, "shape: payload and signature swapped", [](Workshop&, Parts& p) { std::swap(p.payload, p.signature); });
  on_parts(all, "bit: header", [](Workshop& shop, Parts& p) { flip_a_bit(shop, p.header); });
  on_parts(all, "bit: payload", [](Workshop& shop, Parts& p) { flip_a_bit(shop, p.payload); });
  on_parts(all, "bit: signature", [](Workshop& shop, Parts& p) { flip_a_bit(shop, p.signature); });
  on_parts(all, "bit: another payload", [](Workshop& shop, Parts& p) { p.payload = shop.claims(); });
  all.push_back({"good: an empty payload", [](Workshop& shop) {
                   Item item = good(shop, shop.any_signer());
                   const Signer& signer = shop.signer_of(item.allowed.front());
                   item.token = shop.token(signer, Workshop::header_of(signer), "");
                   return item;
                 }});
  all.push_back({"good: any bytes as payload", [](Workshop& shop) {
                   Item item = good(shop, shop.any_signer());
                   const Signer& signer = shop.signer_of(item.allowed.front());
                   std::string bytes(1 + shop.below(200), '\0');
                   for (char& byte : bytes) byte = static_cast<char>(shop.below(256));
                   item.token = shop.token(signer, Workshop::header_of(signer), bytes);
                   return item;
                 }});
  all.push_back({"shape: more than 256 KiB", [](Workshop& shop) {  // one token, since it is long
                   static const Item item = [&shop] {
                     const Signer& signer = shop.signer_of("ES256");
                     Item made = good(shop, signer);
                     made.token = shop.token(signer, Workshop::header_of(signer), std::string(200'000, 'x'));
                     return made;
                   }();
                   return item;
                 }});
}

std::string half(std::string_view signature, bool second) {
  return std::string{signature.substr(second ? signature.size() / 2 : 0, signature.size() / 2)};
}

std::string to_der(const std::string& raw) {
  const int size = static_cast<int>(raw.size() / 2);
  const evp::EcdsaSignature signature{ECDSA_SIG_new()};
  ECDSA_SIG_set0(signature.get(), BN_bin2bn(evp::bytes_of(raw), size, nullptr),
                 BN_bin2bn(evp::bytes_of(raw) + size, size, nullptr));
  std::string der(static_cast<std::size_t>(i2d_ECDSA_SIG(signature.get(), nullptr)), '\0');
  unsigned char* out = evp::bytes_of(der);
  i2d_ECDSA_SIG(signature.get(), &out);
  return der;
}

void add_signatures(std::vector<Mutation>& all) {
  const std::vector<std::string> every{"RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", "HS256"};
  const std::vector<std::string> ec{"ES256", "ES384", "ES512"};
  on_signature(all, "signature: zeros", every, [](auto&, const auto& s) { return std::string(s.size(), '\0'); });
  on_signature(all, "signature: ones", every, [](auto&, const auto& s) { return std::string(s.size(), '\xff'); });
  on_signature(all, "signature: a byte less", every, [](auto&, const auto& s) { return s.substr(0, s.size() - 1); });
  on_signature(all, "signature: a byte more", every, [](auto&, auto s) { return s + '\0'; });
  on_signature(all, "signature: a zero in front", every, [](auto&, const auto& s) { return std::string(1, '\0') + s; });
  on_signature(all, "signature: half of it", every, [](auto&, const auto& s) { return s.substr(0, s.size() / 2); });
  on_signature(all, "signature: twice", every, [](auto&, const auto& s) { return s + s; });
  on_signature(all, "signature: halves swapped", every, [](auto&, const auto& s) { return half(s, true) + half(s, false); });
  on_signature(all, "signature: DER", ec, [](auto&, const auto& s) { return to_der(s); });
  on_signature(all, "signature: r is 0", ec,
               [](auto&, const auto& s) { return std::string(s.size() / 2, '\0') + half(s, true); });
  on_signature(all, "signature: s is 0", ec,
               [](auto&, const auto& s) { return half(s, false) + std::string(s.size() / 2, '\0'); });
  on_signature(all, "signature: halves with a zero each", ec, [](auto&, const auto& s) {
    return std::string(1, '\0') + half(s, false) + std::string(1, '\0') + half(s, true);
  });
  on_signature(all, "signature: R is the neutral point", {"EdDSA"},
               [](auto&, const auto& s) { return "\x01" + std::string(31, '\0') + half(s, true); });
  on_signature(all, "signature: S and the order", {"EdDSA"}, [](auto&, auto s) {  // RFC 8032 5.1.7: S is below the order
    const std::string order = hex_decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").value();
    unsigned carry = 0;
    for (std::size_t i = 0; i < 32; ++i) {
      carry += static_cast<unsigned char>(s[32 + i]) + static_cast<unsigned char>(order[i]);
      s[32 + i] = static_cast<char>(carry & 0xFF);
      carry >>= 8;
    }
    return s;
  });
}

// Signed under one name, the header says another.
Item other_algorithm(Workshop& shop, std::string_view said, std::string_view done, bool both_allowed) {
  const Signer& signer = shop.signer_of(done);
  const std::string header = R"({"alg":")" + std::string{said} + R"(","kid":")" + signer.kid + "\"}";
  std::vector<std::string> allowed{both_allowed ? std::string{said} : signer.alg};
  if (both_allowed) allowed.push_back(signer.alg);
  return {.what = {}, .token = shop.token(signer, header, shop.claims()), .keys = shop.keys_for(signer), .allowed = allowed};
}

// The public key as everybody has it is the shared secret of a token by HS256.
Item confused(Workshop& shop, bool pem, bool allowed) {
  const Signer& signer = shop.any_public_signer();
  std::string key = signer.jwk;
  if (pem) {
    const evp::Bio out{BIO_new(BIO_s_mem())};
    PEM_write_bio_PUBKEY(out.get(), signer.key.get());
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    key.assign(text, static_cast<std::size_t>(size));
  }
  Item item{.what = {},
            .token = sign_jws_hmac("HS256", Secret{key}, shop.claims(), signer.kid, "JWT").value(),
            .keys = 0,
            .allowed = {signer.alg}};
  if (allowed) item.allowed.emplace_back("HS256");
  return item;
}

void add_algorithms(std::vector<Mutation>& all) {
  for (const std::string said : {"RS256", "PS256", "RS384", "ES256", "ES384", "EdDSA", "Ed25519", "HS256", "HS512"}) {
    for (const bool both : {false, true}) {
      all.push_back({"alg: " + said + " said, another done" + (both ? ", both allowed" : ""),
                     [said, both](Workshop& shop) { return other_algorithm(shop, said, shop.any_signer().alg, both); }});
    }
  }
  for (const std::string name : {"none", "None", "NONE", "nOnE"}) {
    for (const bool allowed : {false, true}) {
      on_token(all, "alg: " + name, {});
      all.back().make = [name, allowed](Workshop& shop) {
        Item item = good(shop, shop.any_signer());
        Parts parts = Workshop::take_apart(item.token);
        parts.header = R"({"alg":")" + name + R"(","kid":")" + shop.signer_of(item.allowed[0]).kid + "\"}";
        if (shop.below(2) == 0) parts.signature.clear();
        item.token = Workshop::assemble(parts);
        if (allowed) item.allowed.push_back(name);
        return item;
      };
    }
  }
  for (const bool pem : {false, true}) {
    for (const bool allowed : {false, true}) {
      all.push_back(
          {"alg: HS256 with the public key", [pem, allowed](Workshop& shop) { return confused(shop, pem, allowed); }});
    }
  }
  all.push_back({"alg: not allowed", [](Workshop& shop) {
                   Item item = good(shop, shop.any_signer());
                   item.allowed = {item.allowed[0] == "ES256" ? "RS256" : "ES256"};
                   return item;
                 }});
  all.push_back({"alg: nothing is allowed", [](Workshop& shop) {
                   Item item = good(shop, shop.any_signer());
                   item.allowed.clear();
                   return item;
                 }});
  all.push_back({"alg: signed by a stranger of that kid",
                 [](Workshop& shop) { return good(shop, shop.stranger(shop.any_public_signer().alg)); }});
}

}  // namespace

void add_token_mutations(std::vector<Mutation>& all) {
  add_encodings(all);
  add_shapes(all);
  add_signatures(all);
  add_algorithms(all);
}

}  // namespace evergrant::differential
