// One call on its way through the proxy: lives in the frame of Proxy::serve. Internal to proxy/.
#pragma once

#include <memory>

#include "proxy/answer_rules.hpp"
#include "proxy/kept_body.hpp"
#include "proxy/proxy.hpp"
#include "proxy/target.hpp"

namespace evergrant {

class ProxiedCall {
 public:
  ProxiedCall(Proxy& proxy, ProxyCall call, HttpExchange& exchange);
  ~ProxiedCall();
  ProxiedCall(const ProxiedCall&) = delete;
  ProxiedCall& operator=(const ProxiedCall&) = delete;

  Task<ProxyReport> run();

 private:
  // The body's way to the provider, beside the waiting for the answer. Its task ends before the call does.
  struct Upload {
    Completion<bool> go;  // true: send it; false: it is not wanted
    Completion<bool> done;
    Completion<bool> continued;
    bool waits = false;       // for a word from the provider, or the time to wait for one
    bool continuing = false;  // the caller is being told to go on
    bool started = false;     // the body is being read
    bool withheld = false;    // it will not be
    bool complete = false;    // all of it was sent
    bool caller_gone = false;
    bool finished = false;  // `done` was seen
  };
  enum class Next : std::uint8_t { finished, again };

  [[nodiscard]] Result<> prepare();
  [[nodiscard]] std::optional<ProxyRefusal> enter_gate();
  Task<void> call_until_answered();
  Task<bool> gather_if_short();
  Task<bool> open(bool fresh);
  Task<bool> send_request();
  void start_upload(Executor& here);
  Task<void> upload(Upload& up);
  Task<bool> send_piece(std::string_view bytes);
  Task<bool> send_end();
  Task<std::optional<UpstreamHead>> final_head();
  Task<Next> after_loss();
  Task<Next> after_head(UpstreamHead head);
  Task<bool> refresh_token(bool replays);
  Task<void> discard_answer();
  Task<void> deliver(UpstreamHead head);
  Task<void> end_upload();
  [[nodiscard]] bool replayable() const;
  [[nodiscard]] UpstreamEndpoint endpoint() const;
  void refuse(Error error, std::optional<Duration> retry_after = {});
  void step_up(const AnswerVerdict& verdict);

  Proxy& proxy_;
  ProxyCall call_;
  HttpExchange& exchange_;
  ProxyReport report_;
  ProxyTarget target_;
  RealmGates::Ticket ticket_;
  KeptBody kept_;
  bool gathered_ = false;       // the whole body is in `kept_`
  bool fresh_ = false;          // the next sending takes a new connection
  Duration connecting_{0};      // so long it has taken to get connections: all of them have one limit together
  bool acted_perhaps_ = false;  // a sending was lost on its way, and no answer came
  bool refreshed_ = false;      // the token was, and this call could not be sent again with it
  std::unique_ptr<UpstreamConnection> connection_;
  std::unique_ptr<Upload> upload_;
  std::string out_;  // what goes to the provider next; wiped
  std::chrono::steady_clock::time_point sent_at_;
};

}  // namespace evergrant
