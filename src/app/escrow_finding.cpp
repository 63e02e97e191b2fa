#include "app/escrow_finding.hpp"

#include <string>

namespace evergrant {

std::optional<Error> escrow_problem(const EscrowFileReport& report, std::int64_t capacity) {
  const std::string aside = report.file.string() + ".damaged";
  if (report.foreign) return report.foreign;
  if (report.in_use && report.room < capacity) {
    return Error{Errc::store_unavailable,
                 "has " + std::to_string(report.room) + " bytes of its " + std::to_string(capacity) +
                     " on the disk; refreshes whose answers would not fit are not sent",
                 "make room on its disk; the server notices by itself"};
  }
  if (report.damaged > 0) {
    return Error{
        Errc::sealed_broken,
        "holds " + std::to_string(report.damaged) + " records that cannot be read; the next start moves them to " + aside,
        "check the disk, then restart the server; the connections are recovered as their rotation allows"};
  }
  if (report.set_aside) {
    return Error{
        Errc::sealed_broken, "answers that could not be read or delivered were moved to " + aside,
        "see what the log says of them; the connections are recovered as their rotation allows. Then remove " + aside};
  }
  return std::nullopt;
}

}  // namespace evergrant
