// Headers as a careless or a hostile signer could write them, each signed as it stands. In them ALG and KID are the
// signer's.
#include <array>

#include "base/encoding.hpp"
#include "interop/jose_differential/workshop.hpp"

namespace evergrant::differential {
namespace {

struct Header {
  std::string what;
  std::string text;
};

std::string with_member(std::string_view member) { return R"({"alg":"ALG","kid":"KID",)" + std::string{member} + "}"; }

std::vector<Header> names_that_occur_twice() {
  return {{"alg twice, the same", R"({"alg":"ALG","kid":"KID","alg":"ALG"})"},
          {"alg twice, none first", R"({"alg":"none","kid":"KID","alg":"ALG"})"},
          {"alg twice, none last", R"({"alg":"ALG","kid":"KID","alg":"none"})"},
          {"alg twice, once escaped", R"({"alg":"ALG","kid":"KID","\u0061lg":"ALG"})"},
          {"kid twice", R"({"alg":"ALG","kid":"other","kid":"KID"})"},
          {"typ twice", with_member(R"("typ":"JWT","typ":"at+jwt")")},
          {"an unknown name twice", with_member(R"("x":1,"x":2)")},
          {"a name twice, deeper", with_member(R"("x":{"y":1,"y":2})")}};
}

std::vector<Header> extensions() {
  return {{"crit with a claim", with_member(R"("crit":["exp"],"exp":1)")},
          {"crit that is empty", with_member(R"("crit":[])")},
          {"crit that is no list", with_member(R"("crit":"exp")")},
          {"crit that is null", with_member(R"("crit":null)")},
          {"crit of what is not there", with_member(R"("crit":["x"])")},
          {"crit with alg", with_member(R"("crit":["alg"])")},
          {"crit with b64, true", with_member(R"("crit":["b64"],"b64":true)")},
          {"crit with b64, false", with_member(R"("crit":["b64"],"b64":false)")},
          {"crit with b64 twice", with_member(R"("crit":["b64","b64"],"b64":true)")},
          {"b64 true without crit", with_member(R"("b64":true)")},
          {"b64 false without crit", with_member(R"("b64":false)")}};
}

std::vector<Header> members() {
  return {{"good", R"({"alg":"ALG","kid":"KID","typ":"JWT"})"},
          {"good, spaced", " {\r\n\t\"alg\" : \"ALG\" ,\n \"kid\":\"KID\" } \n"},
          {"good, no typ", R"({"alg":"ALG","kid":"KID"})"},
          {"good, no kid", R"({"alg":"ALG","typ":"JWT"})"},
          {"good, alg escaped", R"({"\u0061lg":"ALG","kid":"KID"})"},
          {"alg that is a number", R"({"alg":256,"kid":"KID"})"},
          {"alg that is null", R"({"alg":null,"kid":"KID"})"},
          {"alg that is empty", R"({"alg":"","kid":"KID"})"},
          {"alg that is a list", R"({"alg":["ALG"],"kid":"KID"})"},
          {"alg missing", R"({"kid":"KID","typ":"JWT"})"},
          {"alg in other case", R"({"alg":"aLG","kid":"KID"})"},
          {"alg with a space", R"({"alg":"ALG ","kid":"KID"})"},
          {"alg with a NUL", R"({"alg":"ALG\u0000","kid":"KID"})"},
          {"name Alg", R"({"Alg":"ALG","kid":"KID"})"},
          {"alg unknown", R"({"alg":"XX256","kid":"KID"})"},
          {"alg toString", R"({"alg":"toString","kid":"KID"})"},
          {"kid that is a number", R"({"alg":"ALG","kid":1})"},
          {"kid that is null", R"({"alg":"ALG","kid":null})"},
          {"kid that is empty", R"({"alg":"ALG","kid":""})"},
          {"kid that is a list", R"({"alg":"ALG","kid":["KID"]})"},
          {"kid unknown", R"({"alg":"ALG","kid":"unknown"})"},
          {"kid that is a path", R"({"alg":"ALG","kid":"../../dev/null"})"},
          {"kid that is SQL", R"({"alg":"ALG","kid":"' OR 1=1 --"})"},
          {"kid in upper case", R"({"alg":"ALG","kid":"KEY"})"},
          {"kid of another type", R"({"alg":"ALG","kid":"OTHER"})"},
          {"kid with a NUL", R"({"alg":"ALG","kid":"KID\u0000"})"},
          {"typ that is a list", with_member(R"("typ":["JWT"])")},
          {"typ that is null", with_member(R"("typ":null)")},
          {"typ of an access token", with_member(R"("typ":"at+jwt")")},
          {"cty", with_member(R"("cty":"JWT")")},
          {"name __proto__", with_member(R"("__proto__":{"crit":["x"]})")},
          {"an URL of keys", with_member(R"("jku":"https://evil.example/k","x5u":"https://evil.example/c")")},
          {"a certificate", with_member(R"("x5c":["AA=="],"x5t":"AA")")},
          {"a member of 12 KiB", with_member("\"x\":\"" + std::string(12'000, 'x') + "\"")},
          {"a member of 20 KiB", with_member("\"x\":\"" + std::string(20'000, 'x') + "\"")}};
}

std::vector<Header> not_json() {
  return {{"not UTF-8: overlong", with_member("\"x\":\"\xc0\xaf\"")},
          {"not UTF-8: a surrogate", with_member("\"x\":\"\xed\xa0\x80\"")},
          {"not UTF-8: cut short", with_member("\"x\":\"\xe2\x82\"")},
          {"not UTF-8: beyond the last", with_member("\"x\":\"\xf4\x90\x80\x80\"")},
          {"not UTF-8: Latin-1", with_member("\"x\":\"\xe9\"")},
          {"UTF-8 with a byte order mark",
           "\xef\xbb\xbf"
           R"({"alg":"ALG","kid":"KID"})"},
          {"half a surrogate pair, escaped", with_member(R"("x":"\ud800")")},
          {"a surrogate pair, escaped", with_member(R"("x":"\ud83d\ude00")")},
          {"U+FFFF", with_member("\"x\":\"\xef\xbf\xbf\"")},
          {"a control character", with_member("\"x\":\"\x01\"")},
          {"a NUL", with_member("\"x\":\"" + std::string(1, '\0') + "\"")},
          {"UTF-16", std::string{"\xff\xfe{\0}\0", 6}},
          {"comma at the end", R"({"alg":"ALG","kid":"KID",})"},
          {"single quotes", R"({'alg':'ALG','kid':'KID'})"},
          {"a comment", R"({"alg":"ALG",/**/"kid":"KID"})"},
          {"NaN", with_member(R"("x":NaN)")},
          {"a number with a leading zero", with_member(R"("x":01)")},
          {"a number beyond doubles", with_member(R"("x":1e999)")},
          {"text behind", R"({"alg":"ALG","kid":"KID"}x)"},
          {"two objects", R"({"alg":"ALG","kid":"KID"}{"alg":"ALG"})"},
          {"cut short", R"({"alg":"ALG","kid":"KID")"},
          {"no object: a list", R"([{"alg":"ALG"}])"},
          {"no object: a string", R"("ALG")"},
          {"no object: null", "null"},
          {"no object: nothing", ""},
          {"four levels", with_member(R"("x":[[[1]]])")},
          {"thirty levels", with_member("\"x\":" + std::string(30, '[') + std::string(30, ']'))}};
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string upper_case(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

std::string filled(std::string text, const Signer& signer) {
  text = replaced(std::move(text), "ALG", signer.alg);
  text = replaced(std::move(text), "aLG", to_lower_ascii(signer.alg));
  text = replaced(std::move(text), "KID", signer.kid);
  text = replaced(std::move(text), "KEY", upper_case(signer.kid));
  return replaced(std::move(text), "OTHER", signer.alg == "EdDSA" ? "key-es256" : "key-eddsa");
}

// A stranger's token that brings the stranger's key along, under the kid of a key that is known.
Item with_its_own_key(Workshop& shop) {
  const Signer& stranger = shop.stranger(shop.any_public_signer().alg);
  const std::string header = R"({"alg":")" + stranger.alg + R"(","kid":")" + stranger.kid + R"(","jwk":)" + stranger.jwk +
                             R"(,"jku":"https://evil.example/k"})";
  return {.what = {}, .token = shop.token(stranger, header, shop.claims()), .keys = 0, .allowed = {stranger.alg}};
}

}  // namespace

void add_header_mutations(std::vector<Mutation>& all) {
  for (const auto& part : {names_that_occur_twice(), extensions(), members(), not_json()}) {
    for (const auto& header : part) {
      all.push_back({"header: " + header.what, [text = header.text](Workshop& shop) {
                       const Signer& signer = shop.any_signer();
                       return Item{.what = {},
                                   .token = shop.token(signer, filled(text, signer), shop.claims()),
                                   .keys = shop.keys_for(signer),
                                   .allowed = {signer.alg}};
                     }});
    }
  }
  all.push_back({"header: the key of its signer, who is a stranger", with_its_own_key});
}

}  // namespace evergrant::differential
