#include "crypto/kek.hpp"

#include <optional>

#include "base/encoding.hpp"
#include "crypto/aead.hpp"
#include "crypto/hash.hpp"
#include "crypto/locked_key.hpp"

namespace evergrant {
namespace {

// One key for one purpose (SP 800-57): neither the name of the KEK nor what it wraps uses its bytes directly.
constexpr std::string_view wrap_purpose = "evergrant kek wrap 1";
constexpr std::string_view name_purpose = "evergrant kek id 1";
constexpr std::size_t name_bytes = 8;

class LocalKek final : public KekSource {
 public:
  LocalKek(const Secret& kek, Random& random)
      : id_{"local:" + hex_encode(hkdf_sha256(kek, name_purpose, name_bytes).reveal())},
        key_{hkdf_sha256(kek, wrap_purpose, key_bytes)},
        random_{random} {}

  [[nodiscard]] std::string id() const override { return id_; }

  [[nodiscard]] Result<std::string> wrap(const Secret& key, std::string_view context) override {
    auto sealed = seal(KeyId{id_}, key_, bind_fields({"kek", id_, context}), key.reveal(), random_);
    if (!sealed) return std::unexpected(std::move(sealed).error());
    return std::move(sealed->bytes);
  }

  [[nodiscard]] Result<Secret> unwrap(std::string_view wrapped, std::string_view context) override {
    return open(key_, bind_fields({"kek", id_, context}), Sealed{std::string{wrapped}});
  }

 private:
  std::string id_;
  LockedKey key_;
  Random& random_;
};

std::string_view without_line_end(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

std::optional<std::string> decode_text(std::string_view text) {
  if (text.size() == 2 * key_bytes) return hex_decode(text);
  if (text.size() == 44 && text.ends_with('=')) text.remove_suffix(1);
  if (text.size() != 43) return std::nullopt;
  if (auto url = base64url_decode(text)) return url;
  std::string padded{text};
  padded.push_back('=');
  auto plain = base64_decode(padded);
  wipe(padded);
  return plain;
}

std::optional<Secret> parse_kek(std::string_view text) {
  if (text.size() == key_bytes) return Secret{text};
  auto decoded = decode_text(without_line_end(text));
  if (!decoded) return std::nullopt;
  Secret kek = Secret::take(std::move(*decoded));
  if (kek.size() != key_bytes) return std::nullopt;
  return kek;
}

}  // namespace

Result<std::unique_ptr<KekSource>> make_local_kek(const Secret& text, Random& random) {
  const auto kek = parse_kek(text.reveal());
  if (!kek) {
    return fail(
        Errc::invalid_argument, "the key-encryption key is not a 256-bit key",
        "give 64 hexadecimal digits, 43 characters of base64url, or 32 raw bytes; `evergrant keys generate` makes one");
  }
  return std::make_unique<LocalKek>(*kek, random);
}

Secret generate_kek_text(Random& random) { return random.token(); }

}  // namespace evergrant
