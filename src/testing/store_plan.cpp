#include "testing/store_plan.hpp"

#include <algorithm>
#include <array>

namespace evergrant::testing {
namespace {

constexpr std::array<std::string_view, 25> reads{"pairs_of",    "timeline",
                                                 "connection",  "connection_of",
                                                 "connections", "unresolved_attempts",
                                                 "due",         "sharing",
                                                 "stats",       "paused",
                                                 "holds",       "outbox_due",
                                                 "outbox_of",   "ending",
                                                 "session",     "root_keys",
                                                 "tenant_keys", "tenant_keys_wrapped_by",
                                                 "sealed_by",   "caller_by_key_hash",
                                                 "caller",      "callers",
                                                 "audit",       "events",
                                                 "meta"};

bool is(StoreStep step, std::string_view operation) {
  return step == StoreStep::any_write ? !is_read(operation) : operation_of(step) == operation;
}

}  // namespace

std::string_view operation_of(StoreStep step) noexcept {
  switch (step) {
    case StoreStep::claim: return "claim";
    case StoreStep::keep_answer: return "keep_answer";
    case StoreStep::commit: return "commit";
    case StoreStep::record_failure: return "record_failure";
    case StoreStep::create: return "create";
    case StoreStep::reconnect: return "reconnect";
    case StoreStep::revoke: return "begin_revocation";
    case StoreStep::any_write: break;
  }
  return "";
}

bool is_read(std::string_view operation) noexcept { return std::ranges::find(reads, operation) != reads.end(); }

StoreVerdict StorePlan::decide(std::string_view operation, StoreMoment moment) {
  if (moment == StoreMoment::before) return before(operation);
  if (power_fails(operation, moment)) return StoreVerdict::lose_power;
  return use_up(lost_answers_, operation) ? StoreVerdict::fail : StoreVerdict::proceed;
}

StoreVerdict StorePlan::before(std::string_view operation) {
  auto found = calls_.find(operation);
  if (found == calls_.end()) found = calls_.emplace(operation, 0).first;
  ++found->second;
  if (power_fails(operation, StoreMoment::before)) return StoreVerdict::lose_power;
  if (refused_from_ && is(*refused_from_, operation)) writes_refused_ = true;
  if (away_ || (writes_refused_ && !is_read(operation))) return StoreVerdict::fail;
  return use_up(failures_, operation) ? StoreVerdict::fail : StoreVerdict::proceed;
}

bool StorePlan::use_up(std::map<StoreStep, int>& times, std::string_view operation) {
  for (auto& [step, left] : times) {
    if (left <= 0 || !is(step, operation)) continue;
    --left;
    return true;
  }
  return false;
}

bool StorePlan::power_fails(std::string_view operation, StoreMoment moment) {
  const auto found = power_.find(moment);
  if (found == power_.end() || !is(found->second, operation)) return false;
  power_.erase(found);  // once
  return true;
}

void StorePlan::clear() {
  writes_refused_ = false;
  away_ = false;
  refused_from_.reset();
  failures_.clear();
  lost_answers_.clear();
  power_.clear();
}

int StorePlan::calls(StoreStep step) const {
  int sum = 0;
  for (const auto& [operation, count] : calls_) {
    if (is(step, operation)) sum += count;
  }
  return sum;
}

}  // namespace evergrant::testing
