// UserInfo of a stored connection, asked for now: with its access token, which is refreshed first where it must be and once
// more where the provider refuses it. Thread-safe; runs on the engine's executor. Nothing of the answer is kept.
#pragma once

#include <boost/json/object.hpp>

#include "lifecycle/token_service.hpp"
#include "model/connection.hpp"

namespace evergrant {

class UserInfoReader {
 public:
  // What is referred to outlives this object.
  UserInfoReader(const TokenService::Parts& parts, TokenService& tokens);
  UserInfoReader(const UserInfoReader&) = delete;
  UserInfoReader& operator=(const UserInfoReader&) = delete;

  // What the provider says about the user of this connection; `sub` has been compared with the connection's subject, where
  // it has one. Errors: forbidden (it speaks of another user, or its signature is wrong), provider_unavailable,
  // provider_rejected, unsupported (no such endpoint), not_found (the registration is not configured), and those of reading
  // a token.
  Task<Result<boost::json::object>> read(Connection connection, ReadRequest request);

 private:
  Task<Result<boost::json::object>> read_here(Connection connection, ReadRequest request);
  Task<Result<boost::json::object>> ask(const Registration& registration, const Connection& connection,
                                        const TokenLease& lease);

  TokenService::Parts parts_;
  TokenService& tokens_;
};

}  // namespace evergrant
