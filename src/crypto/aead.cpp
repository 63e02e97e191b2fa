#include "crypto/aead.hpp"

#include <array>
#include <climits>
#include <cstring>
#include <new>
#include <stdexcept>

#include "crypto/evp.hpp"
#include "crypto/gcm_opener.hpp"

namespace evergrant {
namespace {

constexpr char format_version = 1;
constexpr char algorithm_aes_256_gcm = 1;
constexpr std::size_t header_fixed = 3;
constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t tag_bytes = 16;
constexpr std::size_t max_plain = INT_MAX;  // EVP counts in int

enum class Direction : int { decrypt = 0, encrypt = 1 };

// The parts of a sealed record, as views into it.
struct Record {
  std::string_view header;
  std::string_view key_id;
  std::string_view nonce;
  std::string_view ciphertext;
  std::string_view tag;
};

std::optional<Record> parse_record(std::string_view bytes) {
  if (bytes.size() < header_fixed) return std::nullopt;
  if (bytes[0] != format_version || bytes[1] != algorithm_aes_256_gcm) return std::nullopt;
  const std::size_t id_size = static_cast<unsigned char>(bytes[2]);
  const std::size_t header_size = header_fixed + id_size;
  if (id_size == 0 || bytes.size() < header_size + nonce_bytes + tag_bytes) return std::nullopt;
  const std::size_t cipher_size = bytes.size() - header_size - nonce_bytes - tag_bytes;
  if (cipher_size > max_plain) return std::nullopt;
  return Record{.header = bytes.substr(0, header_size),
                .key_id = bytes.substr(header_fixed, id_size),
                .nonce = bytes.substr(header_size, nonce_bytes),
                .ciphertext = bytes.substr(header_size + nonce_bytes, cipher_size),
                .tag = bytes.substr(bytes.size() - tag_bytes)};
}

const EVP_CIPHER* aes_256_gcm() {
  static const evp::Cipher cipher{EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)};
  if (!cipher) throw std::runtime_error{"OpenSSL offers no AES-256-GCM"};
  return cipher.get();
}

evp::CipherContext new_context() {
  evp::CipherContext made{EVP_CIPHER_CTX_new()};
  if (!made || EVP_CipherInit_ex2(made.get(), aes_256_gcm(), nullptr, nullptr, 1, nullptr) != 1) throw std::bad_alloc{};
  return made;
}

EVP_CIPHER_CTX* thread_context() {
  thread_local const evp::CipherContext context = new_context();
  return context.get();
}

// The key schedule is overwritten by that of no key.
void blank(EVP_CIPHER_CTX* context) noexcept {
  static constexpr std::array<unsigned char, key_bytes> blank_key{};
  EVP_CipherInit_ex2(context, nullptr, blank_key.data(), nullptr, -1, nullptr);
}

// One message through a cipher context. `key` null: the key that the context has.
class CipherUse {
 public:
  CipherUse(EVP_CIPHER_CTX* context, Direction direction, const unsigned char* key, std::string_view nonce)
      : context_{context},
        good_{EVP_CipherInit_ex2(context_, nullptr, key, evp::bytes_of(nonce), static_cast<int>(direction), nullptr) == 1} {}
  CipherUse(const CipherUse&) = delete;
  CipherUse& operator=(const CipherUse&) = delete;
  ~CipherUse() = default;

  void bind(std::string_view associated) {
    int size = 0;
    if (associated.empty()) return;
    good_ = good_ && associated.size() <= max_plain &&
            EVP_CipherUpdate(context_, nullptr, &size, evp::bytes_of(associated), static_cast<int>(associated.size())) == 1;
  }

  void transform(std::string_view in, char* out) {
    int size = 0;
    if (in.empty()) return;
    good_ = good_ && EVP_CipherUpdate(context_, reinterpret_cast<unsigned char*>(out), &size, evp::bytes_of(in),
                                      static_cast<int>(in.size())) == 1;
  }

  [[nodiscard]] bool finish_with_tag_into(char* tag) {
    return finish() && EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_GET_TAG, tag_bytes, tag) == 1;
  }

  [[nodiscard]] bool finish_if_tag_is(std::string_view tag) {
    std::array<char, tag_bytes> expected{};
    tag.copy(expected.data(), expected.size());
    good_ = good_ && EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_SET_TAG, tag_bytes, expected.data()) == 1;
    return finish();
  }

 private:
  [[nodiscard]] bool finish() {
    std::array<unsigned char, tag_bytes> rest{};
    int size = 0;
    return good_ && EVP_CipherFinal_ex(context_, rest.data(), &size) == 1;
  }

  EVP_CIPHER_CTX* context_;
  bool good_ = false;
};

// One use of this thread's cipher context. Making a context costs more than opening a token, so it is kept; the key
// schedule in it is overwritten when the use ends.
class ThreadCipherUse : public CipherUse {
 public:
  ThreadCipherUse(Direction direction, KeyView key, std::string_view nonce)
      : CipherUse{thread_context(), direction, key.reveal_bytes().data(), nonce} {}
  ThreadCipherUse(const ThreadCipherUse&) = delete;
  ThreadCipherUse& operator=(const ThreadCipherUse&) = delete;
  ~ThreadCipherUse() { blank(thread_context()); }
};

std::unexpected<Error> broken() {
  return fail(Errc::sealed_broken, "a sealed value does not open",
              "it was altered, moved from another place, or sealed with another key");
}

void append_size(std::string& out, std::size_t size) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>((size >> shift) & 0xFFU));
}

}  // namespace

Result<Sealed> seal(const KeyId& id, KeyView key, std::string_view associated, std::string_view plain, Random& random) {
  if (key.reveal_bytes().size() != key_bytes) return fail(Errc::invalid_argument, "a sealing key has exactly 32 bytes");
  if (id.empty() || id.str().size() > UCHAR_MAX) return fail(Errc::invalid_argument, "a key id has 1 to 255 bytes");
  if (plain.size() > max_plain) return fail(Errc::invalid_argument, "a value to seal has less than 2 GiB");
  Sealed sealed;
  std::string& bytes = sealed.bytes;
  const std::size_t header_size = header_fixed + id.str().size();
  bytes.reserve(header_size + nonce_bytes + plain.size() + tag_bytes);
  bytes.append({format_version, algorithm_aes_256_gcm, static_cast<char>(id.str().size())}).append(id.str());
  bytes.resize(header_size + nonce_bytes + plain.size() + tag_bytes);
  random.fill({evp::bytes_of(bytes) + header_size, nonce_bytes});

  const std::string_view all{bytes};
  ThreadCipherUse use{Direction::encrypt, key, all.substr(header_size, nonce_bytes)};
  use.bind(all.substr(0, header_size));
  use.bind(associated);
  use.transform(plain, bytes.data() + header_size + nonce_bytes);
  if (!use.finish_with_tag_into(bytes.data() + bytes.size() - tag_bytes)) {
    return fail(Errc::internal, "AES-256-GCM failed to seal a value");
  }
  return sealed;
}

Result<std::size_t> open_into(KeyView key, std::string_view associated, const Sealed& sealed, std::span<char> out) {
  return open_into(key, Openable{associated, sealed}, out);
}

Openable::Openable(std::string_view associated, const Sealed& sealed) {
  const auto record = parse_record(sealed.bytes);
  if (!record) return;
  const std::size_t size = record->header.size() + associated.size();
  if (size > max_plain) return;
  auto bound = std::make_unique<char[]>(size);  // NOLINT(modernize-avoid-c-arrays)
  record->header.copy(bound.get(), record->header.size());
  associated.copy(bound.get() + record->header.size(), associated.size());
  bound_ = std::move(bound);
  body_ = record->nonce.data();
  bound_size_ = static_cast<std::uint32_t>(size);
  plain_size_ = static_cast<std::uint32_t>(record->ciphertext.size());
}

std::string_view Openable::body() const noexcept {
  return empty() ? std::string_view{} : std::string_view{body_, nonce_bytes + plain_size_ + tag_bytes};
}
std::string_view Openable::nonce() const noexcept { return {body_, nonce_bytes}; }
std::string_view Openable::ciphertext() const noexcept { return {body_ + nonce_bytes, plain_size_}; }
std::string_view Openable::tag() const noexcept { return {body_ + nonce_bytes + plain_size_, tag_bytes}; }

void Openable::prefetch_bound() const noexcept {
  constexpr std::size_t line = 64;
  for (std::size_t at = 0; at < bound_size_; at += line) __builtin_prefetch(bound_.get() + at);
}

namespace {

std::unexpected<Error> too_small() { return fail(Errc::invalid_argument, "the buffer for an opened value is too small"); }

}  // namespace

Result<std::size_t> open_into(KeyView key, const Openable& sealed, std::span<char> out) {
  if (sealed.empty() || key.reveal_bytes().size() != key_bytes) return broken();
  if (out.size() < sealed.plain_size()) return too_small();
  ThreadCipherUse use{Direction::decrypt, key, sealed.nonce()};
  use.bind(sealed.bound());
  use.transform(sealed.ciphertext(), out.data());
  if (use.finish_if_tag_is(sealed.tag())) return sealed.plain_size();
  if (!out.empty()) explicit_bzero(out.data(), out.size());
  return broken();
}

struct PreparedKey::Context {
  GcmOpener opener;
};

PreparedKey::PreparedKey() : context_{std::make_unique<Context>()}, kept_{context_->opener.lock_memory()} {}
PreparedKey::~PreparedKey() { clear(); }

void PreparedKey::set(KeyView key) {
  if (key.reveal_bytes().size() != key_bytes) throw std::invalid_argument{"a sealing key has exactly 32 bytes"};
  if (!kept_.empty() && !context_->opener.set(key.reveal_bytes())) throw std::runtime_error{"OpenSSL refuses a key"};
}

void PreparedKey::clear() noexcept { context_->opener.clear(); }

Result<std::size_t> PreparedKey::open_into(KeyView key, const Openable& sealed, std::span<char> out) {
  if (kept_.empty()) return evergrant::open_into(key, sealed, out);
  if (sealed.empty()) return broken();
  if (out.size() < sealed.plain_size()) return too_small();
  if (context_->opener.open(sealed.nonce(), sealed.bound(), sealed.ciphertext(), sealed.tag(), out))
    return sealed.plain_size();
  if (!out.empty()) explicit_bzero(out.data(), out.size());
  return broken();
}

Result<Secret> open(KeyView key, std::string_view associated, const Sealed& sealed) {
  Secret plain = Secret::of_size(plain_size(sealed));
  const auto bytes = plain.bytes();
  auto opened = open_into(key, associated, sealed, {reinterpret_cast<char*>(bytes.data()), bytes.size()});
  if (!opened) return std::unexpected(std::move(opened).error());
  return plain;
}

std::optional<KeyId> key_of(const Sealed& sealed) {
  const auto record = parse_record(sealed.bytes);
  if (!record) return std::nullopt;
  return KeyId{record->key_id};
}

std::size_t plain_size(const Sealed& sealed) noexcept {
  const auto record = parse_record(sealed.bytes);
  return record ? record->ciphertext.size() : 0;
}

std::string bind_fields(std::initializer_list<std::string_view> fields) {
  std::size_t total = 0;
  for (const auto field : fields) total += sizeof(std::uint64_t) + field.size();
  std::string bound;
  bound.reserve(total);
  for (const auto field : fields) {
    append_size(bound, field.size());
    bound.append(field);
  }
  return bound;
}

}  // namespace evergrant
