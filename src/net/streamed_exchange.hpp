// An HttpExchange on a session of the server. Internal to net/: it lives in the frame of the session that serves it.
#pragma once

#include "net/http_exchange.hpp"
#include "net/http_session.hpp"

namespace evergrant {

class StreamedExchange final : public HttpExchange, private Deadlines::Owner {
 public:
  StreamedExchange(HttpSession& session, const Framing& framing);
  ~StreamedExchange() override = default;
  StreamedExchange(const StreamedExchange&) = delete;
  StreamedExchange& operator=(const StreamedExchange&) = delete;

  [[nodiscard]] std::optional<std::uint64_t> body_length() const override;
  [[nodiscard]] bool wants_continue() const override;
  Task<bool> send_continue() override;
  Task<Piece> read() override;
  [[nodiscard]] bool body_read() const override;
  [[nodiscard]] const Headers& trailers() const override;
  void stop_reading() override;
  void begin(const AnswerHead& head) override;
  [[nodiscard]] bool begun() const override { return begun_; }
  Task<bool> write(std::string_view bytes) override;
  Task<bool> flush() override;
  Task<bool> end(const Headers& trailers) override;
  Task<bool> answer(HttpResponse response) override;

  [[nodiscard]] bool ended() const noexcept { return ended_; }
  [[nodiscard]] bool keep_alive() const noexcept { return framing_.keep_alive; }

 private:
  enum class BodyForm : std::uint8_t { none, counted, chunked, until_close };

  void on_deadline() override;
  void forget_read();
  void append_body(std::string_view bytes);

  HttpSession& session_;
  Framing framing_;
  Deadlines::Slot reading_{*this};
  Deadlines::Slot writing_{*this};
  BodyForm form_ = BodyForm::none;
  std::uint64_t left_ = 0;  // of a counted body
  bool begun_ = false;
  bool ended_ = false;
  bool broken_ = false;  // of the connection: nothing is read or written any more
  bool stopped_ = false;
};

}  // namespace evergrant
