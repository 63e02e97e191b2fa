// What was read of a request's body, as long as all of it fits: so that the call can be sent once more. Wiped when it goes.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace evergrant {

class KeptBody {
 public:
  explicit KeptBody(std::size_t most) : most_{most} {}
  KeptBody(const KeptBody&) = delete;
  KeptBody& operator=(const KeptBody&) = delete;
  ~KeptBody() { wipe(bytes_); }

  // So much will come, if it is known: it is made room for once, so that nothing is left behind by growing.
  void expect(std::size_t length) { bytes_.reserve(std::min(length, most_)); }
  void note(std::string_view piece) {
    if (!fits_) return;
    if (bytes_.size() + piece.size() > bytes_.capacity() && piece.size() <= most_) bytes_.reserve(most_);
    fits_ = piece.size() <= most_ - bytes_.size();
    if (fits_) {
      bytes_.append(piece);
    } else {
      wipe(bytes_);
    }
  }
  void drop() {
    fits_ = false;
    wipe(bytes_);
  }
  [[nodiscard]] bool fits() const noexcept { return fits_; }
  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }

 private:
  std::size_t most_;
  std::string bytes_;
  bool fits_ = true;
};

}  // namespace evergrant
