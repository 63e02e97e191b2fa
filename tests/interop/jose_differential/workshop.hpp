// What the corpus is made with: keys, the sets they are published in, and signatures over any text at all, which SigningKey
// does not give. One thread. Everything that is chosen comes from the seed; the keys and ECDSA's and PSS's signatures do
// not.
#pragma once

#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "crypto/jwk_material.hpp"

namespace evergrant::differential {

// One token for both verifiers, and what they verify it with.
struct Item {
  std::string what;  // its class: what was done to it
  std::string token;
  std::size_t keys = 0;  // index in Workshop::sets
  std::vector<std::string> allowed;
};

// A JWK set, or (where it is not empty) a shared secret.
struct Keys {
  std::string jwks;
  std::string secret;
};

struct Signer {
  std::string alg;
  std::string kid;
  std::string jwk;  // public; empty for HS256
  evp::Key key;     // none for HS256
};

// The three parts before they are encoded.
struct Parts {
  std::string header, payload, signature;
};

class Workshop {
 public:
  explicit Workshop(std::uint64_t seed);

  [[nodiscard]] const Signer& any_signer() { return signers_[below(signers_.size())]; }
  // One that has a public key.
  [[nodiscard]] const Signer& any_public_signer() { return signers_[below(signers_.size() - 1)]; }
  [[nodiscard]] const Signer& signer_of(std::string_view alg) const;
  // Not published anywhere.
  [[nodiscard]] const Signer& stranger(std::string_view alg) const { return *strangers_.find(alg)->second; }
  [[nodiscard]] const std::string& secret() const { return secret_; }

  [[nodiscard]] std::size_t below(std::size_t bound) { return random_() % bound; }
  [[nodiscard]] std::string claims();
  // {"alg":…,"kid":…,"typ":"JWT"}
  [[nodiscard]] static std::string header_of(const Signer& signer);

  // `algorithm`: signs by another than the key's, where the key can.
  [[nodiscard]] std::string signature(const Signer& signer, std::string_view input, std::string_view algorithm = {}) const;
  [[nodiscard]] std::string token(const Signer& signer, std::string_view header, std::string_view payload) const;
  // A good one, of a few that are signed once: signing takes longer than all the rest.
  [[nodiscard]] const std::string& good_token(const Signer& signer);
  [[nodiscard]] static std::string assemble(const Parts& parts);
  [[nodiscard]] static Parts take_apart(std::string_view token);

  // The keys with which a relying party verifies what this signer signs: everybody's set, or the shared secret.
  [[nodiscard]] std::size_t keys_for(const Signer& signer) { return signer.key ? 0 : 1; }
  [[nodiscard]] std::size_t set_of(const std::vector<std::string>& jwks);
  [[nodiscard]] std::size_t shared(std::string secret);
  [[nodiscard]] const std::vector<Keys>& sets() const { return sets_; }

 private:
  std::size_t keep(Keys keys);

  std::mt19937_64 random_;
  std::string secret_;
  std::vector<Signer> signers_;
  std::vector<Signer> unpublished_;
  std::map<std::string, const Signer*, std::less<>> strangers_;
  std::vector<Keys> sets_;
  std::map<std::string, std::size_t> known_;
  std::map<const Signer*, std::vector<std::string>> good_;
};

struct Mutation {
  std::string what;
  std::function<Item(Workshop&)> make;
};

// Headers that are signed as they stand (header_mutations.cpp), what happens to a token on its way and to its signature
// (token_mutations.cpp), and the keys that it is verified with (key_mutations.cpp).
void add_header_mutations(std::vector<Mutation>& all);
void add_token_mutations(std::vector<Mutation>& all);
void add_key_mutations(std::vector<Mutation>& all);

}  // namespace evergrant::differential
