#include "evergrant/token_lease.hpp"

#include <array>
#include <cstring>
#include <new>
#include <utility>

#include "base/registers.hpp"
#include "base/secret_memory.hpp"

namespace evergrant::library {

// One block of secret memory: this head, the texts, the token.
struct TokenLease::Block {
  static constexpr std::size_t texts = 7;
  std::size_t size = 0;  // of all
  std::int64_t generation = 1;
  std::optional<Time> expires_at;
  std::array<std::uint32_t, texts + 1> ends{};  // of each text, from the end of the head; the last is the token's

  [[nodiscard]] char* bytes() noexcept { return reinterpret_cast<char*>(this) + sizeof(Block); }
  [[nodiscard]] std::string_view text(std::size_t number) noexcept {
    const std::size_t begin = number == 0 ? 0 : ends.at(number - 1);
    return {bytes() + begin, ends.at(number) - begin};
  }
};

TokenLease::TokenLease(const Parts& parts) : TokenLease{parts, parts.access_token.size()} {
  if (!parts.access_token.empty()) std::memcpy(room(), parts.access_token.data(), parts.access_token.size());
}

TokenLease::TokenLease(const Parts& parts, std::size_t token_size) {
  const std::array texts{parts.connection, parts.registration, parts.tenant, parts.realm,
                         parts.pair,       parts.token_type,   parts.scope};
  std::size_t size = sizeof(Block) + token_size;
  for (const auto& text : texts) size += text.size();
  block_ = new (take_secret_memory(size)) Block{};
  block_->size = size;
  block_->generation = parts.generation;
  block_->expires_at = parts.expires_at;
  std::size_t end = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (!texts.at(i).empty()) std::memcpy(block_->bytes() + end, texts.at(i).data(), texts.at(i).size());
    end += texts.at(i).size();
    block_->ends.at(i) = static_cast<std::uint32_t>(end);
  }
  block_->ends.back() = static_cast<std::uint32_t>(end + token_size);
}

TokenLease::TokenLease(TokenLease&& other) noexcept : block_{std::exchange(other.block_, nullptr)} {}

TokenLease& TokenLease::operator=(TokenLease&& other) noexcept {
  std::swap(block_, other.block_);
  return *this;
}

TokenLease::~TokenLease() {
  if (block_ == nullptr) return;
  give_back_secret_memory(reinterpret_cast<char*>(block_), block_->size);
  forget_registers();
}

TokenLease TokenLease::clone() const {
  return TokenLease{Parts{reveal(), connection(), registration(), tenant(), realm(), pair(), token_type(), scope(),
                          expires_at(), generation()}};
}

std::string_view TokenLease::reveal() const noexcept {
  return block_ == nullptr ? std::string_view{} : block_->text(Block::texts);
}
char* TokenLease::room() noexcept { return block_->bytes() + block_->ends.at(Block::texts - 1); }

std::string_view TokenLease::connection() const noexcept { return block_ == nullptr ? std::string_view{} : block_->text(0); }
std::string_view TokenLease::registration() const noexcept {
  return block_ == nullptr ? std::string_view{} : block_->text(1);
}
std::string_view TokenLease::tenant() const noexcept { return block_ == nullptr ? std::string_view{} : block_->text(2); }
std::string_view TokenLease::realm() const noexcept { return block_ == nullptr ? std::string_view{} : block_->text(3); }
std::string_view TokenLease::pair() const noexcept { return block_ == nullptr ? std::string_view{} : block_->text(4); }
std::string_view TokenLease::token_type() const noexcept { return block_ == nullptr ? std::string_view{} : block_->text(5); }
std::string_view TokenLease::scope() const noexcept { return block_ == nullptr ? std::string_view{} : block_->text(6); }
std::optional<Time> TokenLease::expires_at() const noexcept { return block_ == nullptr ? std::nullopt : block_->expires_at; }
std::int64_t TokenLease::generation() const noexcept { return block_ == nullptr ? 0 : block_->generation; }

}  // namespace evergrant::library
