// What was recorded in one place since the last flush: each note once, with how often. Private to access/. No locks: its
// owner has one.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/access_control.hpp"

namespace evergrant {

// A note as one text, by which it is found: the fields behind their lengths.
class NoteText {
 public:
  explicit NoteText(const AuditNote& note);
  NoteText(const NoteText&) = delete;
  NoteText& operator=(const NoteText&) = delete;
  ~NoteText() = default;
  [[nodiscard]] std::string_view text() const noexcept { return text_; }

 private:
  std::array<char, 512> near_;
  std::string far_;  // where that is too small
  std::string_view text_;
};

class AuditTally {
 public:
  // One more of what was noted before. False: it was not.
  [[nodiscard]] bool count(const NoteText& note, Time now);
  [[nodiscard]] bool count(const AuditRepeat& repeat, Time now);
  // Of what was not. `sequence`: in which order notes were made.
  void add(const NoteText& note, Time now, std::int64_t sequence);
  void add(const AuditRepeat& repeat, const NoteText& note, Time now, std::int64_t sequence);

  struct Size {
    std::size_t notes = 0, repeats = 0;
  };
  [[nodiscard]] Size size() const noexcept { return {notes_.size(), repeats_.size()}; }
  void reserve(const Size& size);  // within reason
  // What was noted both as a repeat and otherwise becomes one note. Gives how many there were of these.
  std::size_t merge_repeats();
  // The notes of all of them in the order in which they were made; their repeats are merged.
  [[nodiscard]] static std::vector<AuditEntry> in_order(std::span<const AuditTally> tallies);

 private:
  struct Counted {
    std::int64_t sequence = 0;
    Time at;
    Time last_at;
    std::int64_t count = 1;
    void again(Time now);
    void merge(const Counted& other);
  };
  struct HashOfText {
    using is_transparent = void;
    using is_avalanching = void;  // NOLINT(readability-identifier-naming): as Boost calls it
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  // A repeat with a number in place of who asks: as much as one look at the memory brings.
  struct Key {
    std::uint64_t subject = 0;
    std::uint64_t asker = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct HashOfKey {
    std::size_t operator()(const Key& key) const noexcept { return key.subject * 31 + key.asker; }
  };
  struct Repeated {
    Counted counted;
    std::string note;
  };
  struct Asker {
    std::string caller, remote;
    std::uint64_t number = 0;  // 0: none yet
  };

  static AuditEntry entry_of(std::string_view note, const Counted& counted);
  [[nodiscard]] Key key_of(const AuditRepeat& repeat);

  boost::unordered_flat_map<std::string, Counted, HashOfText, std::equal_to<>> notes_;
  boost::unordered_flat_map<Key, Repeated, HashOfKey> repeats_;
  boost::unordered_flat_map<std::string, std::uint64_t, HashOfText, std::equal_to<>> askers_;
  Asker latest_;  // mostly the next one, too
};

}  // namespace evergrant
