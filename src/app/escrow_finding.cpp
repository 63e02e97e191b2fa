#include "app/escrow_finding.hpp"

#include <string>

namespace evergrant {

std::optional<Error> escrow_problem(const EscrowFileReport& report) {
  const std::string aside = report.file.string() + ".damaged";
  if (report.foreign) {
    return Error{Errc::invalid_argument, "is not an escrow; the server leaves it as it is and does not start with it",
                 "give [store] escrow a path that is the escrow's alone; if this was the escrow, move it away and keep it"};
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
