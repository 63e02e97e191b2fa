// A working access token, with what one must know to use it. Move-only; the token is wiped when the lease ends, lies in
// memory that no core image contains, and leaves through `reveal()` only, so `grep reveal` lists every exposure. It cannot
// be printed. One owner at a time; reading it from several threads at once is fine.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string_view>

#include "evergrant/clock.hpp"
#include "evergrant/inline_namespace.hpp"

namespace evergrant {
EVERGRANT_INLINE namespace library {
  class TokenLease {
   public:
    // What a lease is made of: for tests of an application that takes leases. All texts are copied.
    struct Parts {
      std::string_view access_token;
      std::string_view connection, registration, tenant, realm;
      std::string_view pair;                   // of several token pairs of one connection: its name; empty: the main one
      std::string_view token_type = "Bearer";  // RFC 6749 7.1
      std::string_view scope;                  // granted, separated by spaces (RFC 6749 3.3)
      std::optional<Time> expires_at;
      std::int64_t generation = 1;
    };
    explicit TokenLease(const Parts& parts);
    // As above; `access_token` is left out, and `token_size` bytes are to be filled at `room()`.
    TokenLease(const Parts& parts, std::size_t token_size);
    TokenLease(const TokenLease&) = delete;
    TokenLease& operator=(const TokenLease&) = delete;
    TokenLease(TokenLease&& other) noexcept;
    TokenLease& operator=(TokenLease&& other) noexcept;
    ~TokenLease();

    // A second owner of the same token, asked for by name so that copies can be found.
    [[nodiscard]] TokenLease clone() const;

    // The access token, as it goes into the header `Authorization: <token_type> <token>` (RFC 6750 2.1). Good for as long as
    // the lease lives; a lease that was moved from has none. Never log it, never put it into a URL or onto a command line.
    [[nodiscard]] std::string_view reveal() const noexcept;

    [[nodiscard]] std::string_view connection() const noexcept;
    [[nodiscard]] std::string_view registration() const noexcept;
    [[nodiscard]] std::string_view tenant() const noexcept;
    // The account at the provider that the token is for: never use it for another one's data.
    [[nodiscard]] std::string_view realm() const noexcept;
    [[nodiscard]] std::string_view pair() const noexcept;
    [[nodiscard]] std::string_view token_type() const noexcept;
    [[nodiscard]] std::string_view scope() const noexcept;
    // UTC; nothing: it does not expire, as far as the provider says.
    [[nodiscard]] std::optional<Time> expires_at() const noexcept;
    // Counts the token sets of a connection, from 1; each new one has the next.
    [[nodiscard]] std::int64_t generation() const noexcept;

    // For filling in place; for who makes leases.
    [[nodiscard]] char* room() noexcept;

   private:
    struct Block;
    Block* block_ = nullptr;
  };

  std::ostream& operator<<(std::ostream&, const TokenLease&) = delete;

}  // namespace library
}  // namespace evergrant
