// One refresh of one grant: the protocol of design section 5, steps 2 to 6, and the recovery of attempts whose answer was
// lost (I6). Every await is a point at which the process may die; what holds then is said at each step.
// On the engine's executor only. Who calls it sees to it that there is one refresh per `flight_key` at a time.
#pragma once

#include <memory>
#include <string>

#include "lifecycle/answer_saver.hpp"
#include "lifecycle/registration_gates.hpp"
#include "lifecycle/token_service.hpp"
#include "oauth/id_token.hpp"

namespace evergrant {

// Why a refresh is wanted; readers and forced ones have somebody who waits.
enum class Cause : std::uint8_t { reader, behind, due, forced, recovery };

struct RefreshWish {
  ConnectionId connection;
  Generation seen = 0;  // the generation that the wish is about: a newer one fulfils it
  Cause cause = Cause::reader;
  // The row as it was listed; null: it is read. What it says is only a reason to begin: the claim looks at the row anew.
  std::shared_ptr<const Connection> listed = nullptr;
};

// Why nothing may be sent now whose answer could not be kept, and what to do. Pure.
[[nodiscard]] Error no_room_for_answer(const EscrowStatus& status);

class Refresher {
 public:
  Refresher(const TokenService::Parts& parts, const RefreshOptions& options, TokenSealing& sealing, TokenCache& cache,
            RefreshReport& report);
  Refresher(const Refresher&) = delete;
  Refresher& operator=(const Refresher&) = delete;

  // Pauses from before the start. Errors: those of the store.
  Task<Result<>> start();
  // A value: a token set newer than the wish's is durable. Errors as TokenService::token.
  Task<Result<>> refresh(RefreshWish wish);
  // An attempt without an outcome: commits its kept answer, sends again where the profile allows it, or ends what no longer
  // matters. Errors: busy while another owner's lease runs; those of refresh.
  Task<Result<>> recover(Attempt attempt);
  // What waits in the escrow goes to the store, and leases of processes that are dead are freed. Errors: those of the store.
  Task<Result<>> replay_escrow();
  [[nodiscard]] bool has_escrowed() const;
  // Pauses and holds that other processes and operators began or ended since. Errors: those of the store.
  Task<Result<>> follow_registrations();
  // How many requests of a registration may be under way at once.
  [[nodiscard]] int slots_of(const RegistrationId& registration);
  // As TokenService::resume, TokenService::release_hold.
  Task<Result<>> resume(RegistrationId registration);
  Task<Result<>> release_hold(RegistrationId registration);

 private:
  using Row = std::shared_ptr<const Connection>;
  Task<Result<>> try_once(const RefreshWish& wish, Row row);
  Task<Result<Connection>> load(ConnectionId id);
  Task<Result<Row>> lock_of(Row row);
  Task<Result<>> await_other(const RefreshWish& wish, Time until);
  Task<void> put_off(Connection row, Time until);
  Task<void> set_aside(const HeldGrant& held, Time until);
  Task<Result<>> keep_pace(const RefreshWish& wish, const Connection& row, RegistrationGate& gate);
  Task<Result<>> with_slot(const RefreshWish& wish, const Connection& row, const Registration& registration);
  Task<Result<>> under_lease(const RefreshWish& wish, const Connection& row, const Registration& registration,
                             std::string url, GatePass pass);
  Task<Result<>> take_custody(const RefreshWish& wish, const Connection& row, const Registration& registration,
                              SealRight& seal, EscrowRoom& room);
  Task<Result<HeldGrant>> claim(const Connection& row, const Registration& registration, std::optional<Attempt>& unresolved);
  Task<std::optional<Result<>>> adopt_newer(HeldGrant& held, const RefreshWish& wish);
  Task<Result<TokenSet>> open_all(const Connection& source);
  Task<std::optional<Result<>>> settle_unresolved(HeldGrant& held, Attempt unresolved, const RefreshWish& wish);
  Task<Result<>> settle_kept(HeldGrant& held, const Attempt& unresolved);
  Task<Result<>> hold_back(HeldGrant& held, Recovery recovery, const Attempt& unresolved);
  Task<Result<>> leave_unsent(HeldGrant& held);
  Task<Result<>> send(HeldGrant& held, std::string url, GatePass pass);
  Task<Result<>> conclude(HeldGrant& held, Verdict verdict);
  Task<Result<>> accept(HeldGrant& held, Verdict verdict);
  Task<Result<>> give_up(HeldGrant& held, Verdict verdict);
  Task<Result<>> record(HeldGrant& held, FailureDecision decision, Verdict verdict, bool keep_attempt);
  void remember_failure(const HeldGrant& held, const FailureDecision& decision, bool is_ours, TokenCache::Ticket ticket);
  Task<Result<>> complete(const HeldGrant& held, TokenSet& tokens, AnswerNote& note);
  enum class Identity : std::uint8_t { confirmed, unknown, other };
  Task<Result<IdTokenClaims>> validate_refreshed(const HeldGrant& held, const TokenSet& tokens);
  Task<Identity> check_identity(const HeldGrant& held, const TokenSet& tokens);
  Task<Result<>> quarantine(HeldGrant& held, TokenSet tokens, AnswerNote note);
  Task<void> release(const HeldGrant& held);
  Task<Result<>> recover_kept(Connection row, const Registration& registration);
  Task<Result<bool>> is_open(AttemptId id);
  Task<Result<>> end_kept(const Attempt& attempt, Connection row);
  Task<void> leave_escrow(HeldGrant& held);
  Task<Result<>> deliver_of(ConnectionId connection);
  Task<Result<>> deliver(EscrowedAnswer answer);
  Task<Result<>> keep_escrowed(const EscrowedAnswer& answer, const Connection& row);
  Task<Result<>> end_superseded(const EscrowedAnswer& answer, Connection row);
  Task<Result<>> store_escrowed(Connection row, Fence asked, TokenSet tokens);
  Task<Result<>> drop(const EscrowedAnswer& answer, std::string_view why);
  Task<Result<>> end_unopened(const EscrowedAnswer& answer, const Connection& row, Error error);
  Task<Result<>> put_aside(const EscrowedAnswer& answer, std::string_view why);

  Store& store_;
  Vault& vault_;
  Escrow* escrow_;
  ProviderDirectory& directory_;
  const Registrations& registrations_;
  Executor& executor_;
  Clock& clock_;
  Random& random_;
  const Log& log_;
  RefreshOptions options_;
  TokenSealing& sealing_;
  TokenCache& cache_;
  RefreshReport& report_;
  TokenEndpoint endpoint_;
  RegistrationGates gates_;
  AnswerSaver saver_;
};

}  // namespace evergrant
