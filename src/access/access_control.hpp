// Who may do what: callers by API key, their policy, and the audit trail (USE-07, USE-13). Default deny. See
// docs/callers.md.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "model/caller.hpp"
#include "store/store.hpp"

namespace evergrant {

// A call at the provider that a token is used for.
struct ProviderCall {
  std::string method;
  std::string path;  // percent-encoded as it is sent, without query
};

// What is asked for. Empty registration or tenant: the request is about none in particular (lists are filtered instead).
struct AccessRequest {
  Verb verb = Verb::admin;
  std::optional<RegistrationId> registration;  // "*", with tenant "*": about the installation as a whole
  std::optional<TenantId> tenant;
  std::optional<ConnectionId> connection = {};  // the main one's, of a further pair too; nothing: wider than one
  std::optional<ProviderCall> call = {};        // nothing: the token itself, or no token at all; always given for `proxy`
};

// The rules of a policy, in the order in which they are asked.
enum class Rule : std::uint8_t { verb, installation, registration, tenant, connection, token, method, path };
inline constexpr std::array all_rules{Rule::verb,       Rule::installation, Rule::registration, Rule::tenant,
                                      Rule::connection, Rule::token,        Rule::method,       Rule::path};
[[nodiscard]] std::string_view to_string(Rule rule) noexcept;
// Pure; the whole decision is that all of them hold.
[[nodiscard]] bool holds(Rule rule, const Caller& caller, const AccessRequest& request);

// Pure. Errors: forbidden, naming the verb or the kind of thing, never whether it exists.
[[nodiscard]] Result<> authorise(const Caller& caller, const AccessRequest& request);
// `authorise` says yes to Verb::token_read for every connection there is. Pure.
[[nodiscard]] bool reads_every_token(const Policy& policy);
// All rules but `token`, `method` and `path`: for a call that is known later in full, and then has to pass `authorise_call`.
[[nodiscard]] Result<> authorise_account(const Caller& caller, const AccessRequest& request);
// The rules `method` and `path` alone: for a call whose connection was authorised already. `path` as it goes to the
// provider, percent-encoded, without query; one that can be read in two ways is refused where the policy has paths. Errors:
// forbidden.
[[nodiscard]] Result<> authorise_call(const Caller& caller, std::string_view method, std::string_view path);
// The rule `method` alone, before anything else of a call is looked at. Errors: forbidden.
[[nodiscard]] Result<> authorise_method(const Caller& caller, std::string_view method);
// The caller's view as a filter on lists.
void restrict_to(const Caller& caller, ConnectionFilter& filter);

struct NewCaller {
  Caller caller;
  Secret key;  // "egk_" + 43 characters: shown once, stored hashed
};
// A caller with a new id and key, not stored yet.
[[nodiscard]] NewCaller make_caller(Random& random, Time now, std::string name, Policy policy,
                                    std::optional<Duration> lifetime);
// Errors: invalid_argument.
[[nodiscard]] Result<> check_caller(const std::string& name, const Policy& policy);

// Thread-safe. Known keys are cached by their hash: a revocation by another process is noticed within `cache_ttl`, one by
// this process at once.
class Callers {
 public:
  Callers(Store& store, const Clock& clock, Random& random, Duration cache_ttl = std::chrono::seconds{5});
  ~Callers();
  Callers(const Callers&) = delete;
  Callers& operator=(const Callers&) = delete;

  // Errors: invalid_argument.
  Task<Result<NewCaller>> create(std::string name, Policy policy, std::optional<Duration> lifetime);
  // And all keys that derive from it, at once.
  Task<Result<>> revoke(CallerId id);
  // The value of an Authorization header. Errors: unauthenticated (missing, malformed, unknown, expired, revoked: all
  // alike).
  Task<Result<std::shared_ptr<const Caller>>> authenticate(std::optional<std::string> authorization);
  // The same without waiting: nothing if the key is not cached. `now`: the clock's.
  [[nodiscard]] std::optional<std::shared_ptr<const Caller>> authenticate_now(std::string_view authorization,
                                                                              Time now) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// What is written down of one request: views that need to hold during the call only.
struct AuditNote {
  std::string_view caller, action, result, registration, tenant, connection, fingerprint, detail, remote;
};

// What is noted again and again, such as the reading of one token: of one subject the note says always the same, but for who
// asks and from where.
struct AuditRepeat {
  std::uint64_t subject = 0;  // Audit::new_subject
  std::string_view caller, remote;
};

// The audit trail: entries are batched and durable within `flush_every`, at the latest at `flush`. What happens several
// times in between, the same in every respect, is one entry that counts it: so a token that is read a thousand times a
// second costs the store no more than one that is read twice. An AuditRepeat that is in the store is counted for
// `repeats_every`, and only then an entry again: a crash takes a second of what is new, and ten of how often it was repeated
// (ADR 18). If the store refuses, entries wait in a bounded buffer; when
// that is full, requests that must be audited are refused (never lost silently). Thread-safe; threads on different
// processors do not wait for each other.
class Audit {
 public:
  Audit(Store& store, const Clock& clock, const Log& log, std::size_t capacity = 100'000);
  ~Audit();
  Audit(const Audit&) = delete;
  Audit& operator=(const Audit&) = delete;

  // `now`: the clock's, as the request saw it. Errors: store_unavailable when the buffer is full.
  [[nodiscard]] Result<> record(const AuditNote& note, Time now);
  [[nodiscard]] Result<> record(const AuditEntry& entry);
  // The same without the note, where it was given before. False: say it (below), nothing is recorded.
  [[nodiscard]] bool record_again(const AuditRepeat& repeat, Time now);
  [[nodiscard]] Result<> record(const AuditRepeat& repeat, const AuditNote& note, Time now);
  [[nodiscard]] std::uint64_t new_subject() noexcept;
  // The same question before anything is done that has to be recorded afterwards.
  [[nodiscard]] Result<> check_room() const;
  Task<Result<>> flush();
  // Writes down again and again until `stop`: what is new, and less often what was repeated since it was written.
  Task<void> run(Duration flush_every = std::chrono::seconds{1}, Duration repeats_every = std::chrono::seconds{10});
  void stop();

 private:
  struct Impl;
  Task<Result<>> write_down(bool all);
  std::unique_ptr<Impl> impl_;
};

}  // namespace evergrant
