#include "proxy/token_trace.hpp"

namespace evergrant {
namespace {

constexpr std::size_t least_token = 8;
constexpr std::size_t window = 12;  // of a piece of 23 characters one window lies within, wherever it begins

}  // namespace

bool holds_token(std::string_view text, const Secret& token) {
  return token.size() >= least_token && text.contains(token.reveal());
}

bool repeats_token(std::string_view text, const Secret& token) {
  if (holds_token(text, token)) return true;
  if (token.size() < window) return false;
  for (std::size_t at = 0; at + window <= text.size(); at += window) {
    if (token.reveal().contains(text.substr(at, window))) return true;
  }
  return false;
}

}  // namespace evergrant
