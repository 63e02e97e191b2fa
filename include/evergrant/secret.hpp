// A secret: move-only, wiped when it ends, compared in constant time, never printed. It leaves through `reveal()` only,
// so `grep reveal` lists every exposure. Its bytes live in memory that no core image contains.
// One owner at a time; not synchronised. Errors: std::bad_alloc.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>

namespace evergrant {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text);
  // Takes the text over: `from` is wiped.
  [[nodiscard]] static Secret take(std::string&& from);
  // `size` zero bytes, to be filled through `bytes()`.
  [[nodiscard]] static Secret of_size(std::size_t size);

  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  // A second owner of the same secret, asked for by name so that copies can be found.
  [[nodiscard]] Secret clone() const { return Secret{reveal()}; }

  [[nodiscard]] std::string_view reveal() const noexcept { return {data_, size_}; }
  [[nodiscard]] std::span<const unsigned char> reveal_bytes() const noexcept;
  [[nodiscard]] std::span<unsigned char> bytes() noexcept;  // for filling in place
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

  // Constant time in the contents; lengths may be learnt.
  friend bool operator==(const Secret& a, const Secret& b) noexcept;

 private:
  void reset() noexcept;
  char* data_ = nullptr;
  std::size_t size_ = 0;
};

std::ostream& operator<<(std::ostream&, const Secret&) = delete;

}  // namespace evergrant
