#include "fuzz/fuzz.hpp"
#include "oauth/token_endpoint.hpp"

using namespace evergrant;

namespace {

bool is_same(const RawTokenAnswer& a, const RawTokenAnswer& b) {
  return a.response.status == b.response.status && a.response.body == b.response.body &&
         a.response.headers.all() == b.response.headers.all() && a.sent.sent_at == b.sent.sent_at &&
         a.sent.scope == b.sent.scope && a.sent.pair == b.sent.pair;
}

void demand_round_trip(const RawTokenAnswer& answer) {
  const auto again = from_journal(to_journal(answer));
  fuzz::demand(again && is_same(*again, answer), "an answer survives the journal");
}

// Any bytes a provider can send: the journal must give back exactly these.
void check_writing(std::string_view bytes) {
  RawTokenAnswer answer;
  answer.response.status = 200;
  answer.response.headers.add("X-Bytes", std::string{bytes.substr(0, bytes.size() / 2)});
  answer.response.body = bytes;
  answer.sent = {.sent_at = from_epoch_ms(1'767'225'600'123), .scope = {std::string{bytes}}};
  demand_round_trip(answer);
}

}  // namespace

// An entry of the journal. It was sealed, so only an older or newer version, or a bug, can have written it otherwise.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::bytes_of(data, size);
  check_writing(text);
  const auto answer = from_journal(Secret{text});
  if (!answer) {
    fuzz::demand_sound(answer.error());
    return 0;
  }
  demand_round_trip(*answer);
  // What comes out of the journal is judged at once.
  const auto verdict = judge_token_answer(answer->response, Provider{}, answer->sent, answer->sent.sent_at);
  fuzz::demand(verdict.tokens.has_value() == (verdict.failure == FailureClass::none), "it can be judged");
  return 0;
}
