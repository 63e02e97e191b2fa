// The two bodies of a proxied call: the caller's on its way to the provider, the provider's on its way back.
#include <array>
#include <charconv>

#include "proxy/answer_head.hpp"
#include "proxy/header_rules.hpp"
#include "proxy/proxied_call.hpp"

namespace evergrant {
namespace {

constexpr Duration wait_for_a_word{1000};  // RFC 9110 10.1.1: nobody waits for 100 Continue for ever

void append_hexadecimal(std::string& out, std::size_t number) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
  out.append(digits.data(), end);
}

}  // namespace

void ProxiedCall::start_upload(Executor& here) {
  Upload& up = *upload_;
  if (up.waits) {
    here.call_after(wait_for_a_word, [go = up.go] { go.set(true); });
  } else {
    up.go.set(true);
  }
  spawn(here, upload(up));  // ends at the body's end, when either side is gone, or when `end_upload` says so
}

Task<void> ProxiedCall::upload(Upload& up) {
  const bool wanted = co_await up.go;
  up.started = wanted;
  if (wanted && exchange_.wants_continue()) {
    up.continuing = true;
    co_await exchange_.send_continue();
    up.continuing = false;
    up.continued.set(true);
  }
  while (wanted) {
    const auto piece = co_await exchange_.read();
    if (piece.broken) up.caller_gone = true;
    if (piece.broken) connection_->abort();
    if (piece.broken) break;
    const bool sent = piece.end ? co_await send_end() : co_await send_piece(piece.bytes);
    if (piece.end && sent) up.complete = true;
    if (piece.end || !sent) break;
  }
  connection_->request_sent(up.complete);
  up.done.set(true);
}

Task<bool> ProxiedCall::send_piece(std::string_view bytes) {
  kept_.note(bytes);
  report_.bytes_up += bytes.size();
  if (exchange_.body_length()) {
    const bool sent = co_await connection_->send(bytes);
    co_return sent;
  }
  out_.clear();
  append_hexadecimal(out_, bytes.size());
  out_.append("\r\n").append(bytes).append("\r\n");
  const bool sent = co_await connection_->send(out_);
  co_return sent;
}

Task<bool> ProxiedCall::send_end() {
  if (exchange_.body_length()) co_return true;
  const RequestFields fields{call_.head.headers, call_.registration.provider.inject};
  out_ = "0\r\n";
  for (const auto& [name, value] : exchange_.trailers().all()) {
    if (!fields.passes_as_trailer(name)) continue;
    out_.append(name).append(": ").append(value).append("\r\n");
    kept_.drop();  // a second sending would have to lose it
  }
  out_.append("\r\n");
  const bool sent = co_await connection_->send(out_);
  co_return sent;
}

Task<void> ProxiedCall::deliver(UpstreamHead head) {
  if (upload_ && upload_->continuing) co_await upload_->continued;
  auto answer = caller_head(head, target_, call_.base, !call_.head.headers.find("Evergrant-Host"), call_.lease.access_token);
  if (refreshed_) answer.headers.add("Evergrant-Refreshed", "true");
  exchange_.begin(answer);
  if (!connection_->has_more()) {  // an event stream may be silent for long behind its head
    const bool told = co_await exchange_.flush();
    if (!told) report_.broke = "the caller went away";
    if (!told) co_return;
  }
  while (true) {
    const auto piece = co_await connection_->read();
    if (piece.broken) {
      report_.broke = "the provider's answer broke off";
      co_return;
    }
    if (piece.end) break;
    report_.bytes_down += piece.bytes.size();
    bool taken = co_await exchange_.write(piece.bytes);
    // What came is passed on before more is waited for: an event stream is as prompt as its source.
    if (taken && !connection_->has_more()) taken = co_await exchange_.flush();
    if (!taken) {
      report_.broke = "the caller went away";
      co_return;
    }
  }
  const bool ended = co_await exchange_.end(caller_trailers(connection_->trailers(), call_.lease.access_token));
  if (!ended) report_.broke = "the caller went away";
  co_await end_upload();
  co_await proxy_.parts_.upstream.give_back(std::move(connection_));
}

// An upload that nobody waits for any more is ended; one that has only its last bytes to write is let go on.
Task<void> ProxiedCall::end_upload() {
  if (!upload_ || upload_->finished) co_return;
  Upload& up = *upload_;
  if (up.go.try_set(false)) up.withheld = true;
  if (!up.withheld && !up.done.is_set() && !exchange_.body_read()) {
    connection_->abort();
    exchange_.stop_reading();
  }
  co_await up.done;
  up.finished = true;
}

}  // namespace evergrant
