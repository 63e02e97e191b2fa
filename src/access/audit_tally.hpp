// What was recorded in one place since it was last taken: each note once, with how often. Private to access/. No locks: its
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

struct HashOfText {
  using is_transparent = void;
  using is_avalanching = void;  // NOLINT(readability-identifier-naming): as Boost calls it
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

// Numbers for who asks and from where: the same for many reads. No number is given twice.
class Askers {
 public:
  [[nodiscard]] std::uint64_t number_of(std::string_view caller, std::string_view remote);
  [[nodiscard]] std::size_t size() const noexcept { return numbers_.size(); }
  // With numbers that these have not given, and another generation.
  [[nodiscard]] Askers successor() const;
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }

 private:
  struct Latest {
    std::string caller, remote;
    std::uint64_t number = 0;  // 0: nobody
  };
  Latest latest_;  // mostly the next one, too
  boost::unordered_flat_map<std::string, std::uint64_t, HashOfText, std::equal_to<>> numbers_;
  std::uint64_t next_ = 1;
  std::uint64_t generation_ = 0;
};

// A repeat with a number in place of who asks: as much as one look at the memory brings.
struct RepeatKey {
  std::uint64_t subject = 0;
  std::uint64_t asker = 0;
  friend bool operator==(const RepeatKey&, const RepeatKey&) = default;
};

struct Counted {
  std::int64_t sequence = 0;  // in which order notes were made
  Time at;
  Time last_at;
  std::int64_t count = 0;  // 0: known, and nothing to be written

  void begin(Time now, std::int64_t its_sequence);
  void again(Time now);
  void merge(const Counted& other);
};

class AuditTally {
 public:
  // Null: it was not noted. Until the next change.
  [[nodiscard]] Counted* find(const NoteText& note);
  [[nodiscard]] Counted* find(const RepeatKey& repeat);
  // What was not; to be begun.
  Counted& add(const NoteText& note) { return notes_[std::string{note.text()}]; }
  Counted& add(const RepeatKey& repeat, const NoteText& note);

  struct Size {
    std::size_t notes = 0, repeats = 0;
  };
  [[nodiscard]] Size size() const noexcept { return {notes_.size(), repeats_.size()}; }
  void reserve(const Size& size);  // within reason

  // What was noted both as a repeat and otherwise becomes one note. Gives how many there were of these.
  std::size_t merge_repeats();
  // Where a walk over the repeats has got to.
  class Walk;
  // Takes over what `written` has as repeats, with nothing counted: up to `most` of them, until there are `capacity` here.
  // False: that was all.
  bool learn(Walk& written, std::size_t most, std::size_t capacity);
  // The notes of all of them in the order in which they were made.
  [[nodiscard]] static std::vector<AuditEntry> in_order(std::span<const AuditTally> some, std::span<const AuditTally> more);

 private:
  struct HashOfKey {
    std::size_t operator()(const RepeatKey& key) const noexcept { return key.subject * 31 + key.asker; }
  };
  struct Repeated {
    Counted counted;
    std::string note;
  };
  using Repeats = boost::unordered_flat_map<RepeatKey, Repeated, HashOfKey>;
  boost::unordered_flat_map<std::string, Counted, HashOfText, std::equal_to<>> notes_;
  Repeats repeats_;
};

class AuditTally::Walk {
 public:
  // Of a tally that nobody changes any more; its notes are taken out.
  explicit Walk(AuditTally& tally) : at_{tally.repeats_.begin()}, end_{tally.repeats_.end()} {}

 private:
  friend class AuditTally;
  Repeats::iterator at_, end_;
};

}  // namespace evergrant
