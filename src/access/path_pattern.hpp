// Paths of calls at a provider, and the patterns that allow them. Compared segment by segment after one percent-decoding; a
// path that servers may read in different ways (dot segments, encoded slashes, double encoding …) is none. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace evergrant {

// The decoded segments of a path that has one reading only. A slash at the end adds none.
[[nodiscard]] std::optional<std::vector<std::string>> plain_segments(std::string_view path);

// "/v3/company/*/invoice": allows this path and what is below it; '*' stands for one whole segment. "/" allows every path.
class PathPattern {
 public:
  // Errors: invalid_argument.
  [[nodiscard]] static Result<PathPattern> parse(std::string_view text);
  [[nodiscard]] bool allows(const std::vector<std::string>& segments) const;
  // Everything that `other` allows.
  [[nodiscard]] bool covers(const PathPattern& other) const;

 private:
  std::vector<std::optional<std::string>> segments_;  // nothing: any one segment
};

}  // namespace evergrant
