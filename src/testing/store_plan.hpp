// What is to go wrong with the store, and the decision about one operation. Pure; not synchronised.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "evergrant/testing/store.hpp"

namespace evergrant::testing {

enum class StoreMoment : std::uint8_t { before, after };  // an operation takes effect
enum class StoreVerdict : std::uint8_t { proceed, fail, lose_power };

// The operation of Store that a step is; "" for any_write.
[[nodiscard]] std::string_view operation_of(StoreStep step) noexcept;
// Operations that only read; every other changes something.
[[nodiscard]] bool is_read(std::string_view operation) noexcept;

class StorePlan {
 public:
  [[nodiscard]] StoreVerdict decide(std::string_view operation, StoreMoment moment);

  void refuse_writes() { writes_refused_ = true; }
  void refuse_writes_from(StoreStep step) { refused_from_ = step; }
  void go_away() { away_ = true; }
  void fail_next(StoreStep step, int times) { failures_[step] += times; }
  void lose_next_answer(StoreStep step, int times) { lost_answers_[step] += times; }
  void lose_power(StoreStep step, StoreMoment moment) { power_[moment] = step; }
  // Counts stay.
  void clear();
  [[nodiscard]] int calls(StoreStep step) const;

 private:
  [[nodiscard]] StoreVerdict before(std::string_view operation);
  [[nodiscard]] static bool use_up(std::map<StoreStep, int>& times, std::string_view operation);
  [[nodiscard]] bool power_fails(std::string_view operation, StoreMoment moment);

  bool writes_refused_ = false;
  bool away_ = false;
  std::optional<StoreStep> refused_from_;
  std::map<StoreStep, int> failures_;
  std::map<StoreStep, int> lost_answers_;
  std::map<StoreMoment, StoreStep> power_;
  std::map<std::string, int, std::less<>> calls_;
};

}  // namespace evergrant::testing
