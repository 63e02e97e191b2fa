// Thousands of clients, each with a connection that stays open, read tokens at a pace of their own, and every answer is
// judged: while the newest token that was given of a connection is valid, a read of it must be answered 200, and in time.
// Not installed.
//
//   storm_load PORT CLIENTS INTERVAL_MS READER_WAIT_MS SLACK_MS READS
//
// READS: a line for each connection: GROUP CONNECTION EXPIRES_MS. A client reads any of them every INTERVAL_MS on average,
// one read in four with ?wait=2. On standard input: the API key, then `phase NAME` whenever one begins, at last `end`. One
// line of JSON.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <queue>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "load.hpp"

namespace {

using load::stop;
using Clock = std::chrono::steady_clock;
using Ms = std::int64_t;

constexpr Ms mandatory_margin = 31'000;  // evergrant's, and a second
constexpr Ms asked_wait = 2'000;
constexpr Ms last_answers = 30'000;
constexpr std::size_t most_examples = 20;
constexpr std::string_view warm_up = "start";  // until the first phase begins; what is slow then is not late

Ms now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

struct Token {
  std::string group, connection;
  Ms expires = 0;  // of the newest that was given
};

// What became of reads of one group in one phase. `far` and `near`: the token was valid, and from its end as far as that.
enum class Kind : std::uint8_t { far, near, renewed, ended };
constexpr std::array<std::string_view, 4> kind_names{"far", "near", "renewed", "ended"};

struct Figures {
  std::array<std::vector<float>, 4> times;  // milliseconds
  std::map<std::string, std::size_t> refusals;
  double last_refusal = 0;  // seconds from the phase's beginning
};

// A read under way, and what was known when it was sent.
struct Asked {
  std::size_t token = 0;
  Ms wait = 0;
  Ms sent = 0;
  Ms expires = 0;
  Figures* figures = nullptr;
  Clock::time_point begun;

  [[nodiscard]] Ms left() const { return expires - sent; }
  [[nodiscard]] double took() const { return std::chrono::duration<double, std::milli>(Clock::now() - begun).count(); }
};

struct Answer {
  int status = 0;
  bool says_when = false;  // Retry-After
  std::string_view body;
};

std::string_view member(std::string_view json, std::string_view name) {
  const std::string mark = '"' + std::string{name} + "\":\"";
  const auto begin = json.find(mark);
  if (begin == std::string_view::npos) return {};
  const auto value = json.substr(begin + mark.size());
  return value.substr(0, value.find('"'));
}

// RFC 3339 in UTC, whole seconds or with a fraction.
Ms time_of(std::string_view text) {
  std::tm parts{};
  std::istringstream in{std::string{text}};
  double second = 0;
  char separator = 0;
  in >> parts.tm_year >> separator >> parts.tm_mon >> separator >> parts.tm_mday >> separator >> parts.tm_hour >>
      separator >> parts.tm_min >> separator >> second;
  if (!in) stop("an answer whose expires_at is not understood: " + std::string{text});
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return static_cast<Ms>(::timegm(&parts)) * 1000 + static_cast<Ms>(std::lround(second * 1000));
}

class Judge {
 public:
  Judge(std::vector<Token>& tokens, Ms reader_wait, Ms slack) : tokens_{tokens}, reader_wait_{reader_wait}, slack_{slack} {}

  void begin(const std::string& phase) {
    phase_ = phase;
    phase_began_ = Clock::now();
  }

  Asked ask(std::size_t token, bool waits_less) {
    const Token& about = tokens_[token];
    return {token,         waits_less ? asked_wait : reader_wait_, now_ms(),
            about.expires, &figures_[phase_][about.group],         Clock::now()};
  }

  void answered(const Asked& asked, const Answer& answer) {
    const double took = asked.took();
    const Kind kind = asked.left() > mandatory_margin ? Kind::far
                      : asked.left() > 0              ? Kind::near
                      : answer.status == 200          ? Kind::renewed
                                                      : Kind::ended;
    asked.figures->times[static_cast<std::size_t>(kind)].push_back(static_cast<float>(took));
    if (phase_ != warm_up && took > bound(kind, asked)) fail("late", asked, answer);
    if (answer.status == 200) return given(asked, answer);
    if (asked.left() > slack_ || (asked.left() > 0 && asked.expires > now_ms())) fail("valid, and refused", asked, answer);
    ++asked.figures->refusals[std::to_string(answer.status) + ' ' + std::string{member(answer.body, "code")}];
    asked.figures->last_refusal = std::chrono::duration<double>(Clock::now() - phase_began_).count();
    if (answer.status != 503 && answer.status != 504) fail("an answer that nobody expects", asked, answer);
    if (!answer.says_when) fail("no Retry-After", asked, answer);
  }
  void lost(const Asked& asked) { fail("no answer", asked, {}); }

  void report(double seconds, std::size_t clients) const {
    std::cout << R"({"seconds": )" << seconds << R"(, "clients": )" << clients << R"(, "phases": {)";
    std::string_view comma;
    for (const auto& [phase, groups] : figures_) {
      std::cout << std::exchange(comma, ", ") << '"' << phase << R"(": {)";
      std::string_view inner;
      for (const auto& [group, figures] : groups) {
        std::cout << std::exchange(inner, ", ") << '"' << group << R"(": )";
        write(figures);
      }
      std::cout << '}';
    }
    std::cout << R"(}, "failures": {)";
    comma = {};
    for (const auto& [what, count] : failures_) std::cout << std::exchange(comma, ", ") << '"' << what << R"(": )" << count;
    std::cout << "}}\n";
    for (const auto& example : examples_) std::cerr << example << '\n';
  }

 private:
  // Within the mandatory margin a reader waits for a refresh: as long as evergrant does of itself, or as asked, which is as
  // long.
  [[nodiscard]] double bound(Kind kind, const Asked& asked) const {
    if (kind == Kind::far) return static_cast<double>(slack_);
    return static_cast<double>(slack_ + (kind == Kind::near ? std::min(asked_wait, asked.left() / 2) : asked.wait));
  }
  void given(const Asked& asked, const Answer& answer) {
    Token& about = tokens_[asked.token];
    const Ms expires = time_of(member(answer.body, "expires_at"));
    if (member(answer.body, "connection") != about.connection) fail("the token of another connection", asked, answer);
    if (expires <= asked.sent) fail("a token past its end", asked, answer);
    about.expires = std::max(about.expires, expires);
  }
  void fail(const std::string& what, const Asked& asked, const Answer& answer) {
    ++failures_[what];
    if (examples_.size() >= most_examples) return;
    const Token& about = tokens_[asked.token];
    std::ostringstream line;
    line << phase_ << ": " << what << ": " << about.group << ' ' << about.connection << ", asked " << asked.left()
         << " ms before its end, answered " << answer.status << ' ' << member(answer.body, "code") << " after "
         << asked.took() << " ms";
    examples_.push_back(line.str());
  }
  static void write(const Figures& figures) {
    std::string_view comma;
    std::cout << '{';
    for (std::size_t kind = 0; kind < kind_names.size(); ++kind) {
      auto times = figures.times[kind];
      if (times.empty()) continue;
      std::ranges::sort(times);
      std::cout << std::exchange(comma, ", ") << '"' << kind_names[kind] << R"(": {"reads": )" << times.size();
      for (const auto& [name, share] : {std::pair{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}})
        std::cout << ", \"" << name << "\": " << load::at_share(times, share);
      std::cout << R"(, "max": )" << times.back() << '}';
    }
    std::cout << std::exchange(comma, ", ") << R"("refusals": {)";
    comma = {};
    for (const auto& [what, count] : figures.refusals)
      std::cout << std::exchange(comma, ", ") << '"' << what << R"(": )" << count;
    std::cout << R"(}, "last_refusal": )" << figures.last_refusal << '}';
  }

  std::vector<Token>& tokens_;
  Ms reader_wait_, slack_;
  std::string phase_{warm_up};
  Clock::time_point phase_began_ = Clock::now();
  std::map<std::string, std::map<std::string, Figures>> figures_;
  std::map<std::string, std::size_t> failures_;
  std::vector<std::string> examples_;
};

struct Client {
  int line = -1;
  bool asking = false;
  Asked asked;
  std::string received;
};

struct Due {
  Clock::time_point at;
  std::size_t client;
  bool operator<(const Due& other) const { return at > other.at; }  // the soonest first
};

// Nothing yet: the answer is not whole.
bool parse(std::string_view text, Answer& answer) {
  const auto end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) return false;
  const auto head = text.substr(0, end + 2);
  constexpr std::string_view name = "\r\nContent-Length: ";
  const auto length = head.find(name);
  if (length == std::string_view::npos) stop("an answer without a length: " + std::string{head});
  std::size_t size = 0;
  std::from_chars(head.data() + length + name.size(), head.data() + head.size(), size);
  if (text.size() < end + 4 + size) return false;
  std::from_chars(head.data() + 9, head.data() + 12, answer.status);
  answer.says_when = head.contains("\r\nRetry-After: ");
  answer.body = text.substr(end + 4, size);
  return true;
}

class Crowd {
 public:
  Crowd(std::string port, std::size_t clients, Ms interval, std::vector<Token>& tokens, Judge& judge)
      : port_{std::move(port)}, interval_{static_cast<double>(interval)}, tokens_{tokens}, judge_{judge}, clients_(clients) {
    std::getline(std::cin, key_);
    for (std::size_t i = 0; i < clients; ++i) open(i);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = clients}};
    ::epoll_ctl(set_, EPOLL_CTL_ADD, STDIN_FILENO, &event);
    std::cerr << "connected\n";
  }

  void run() {
    std::uniform_real_distribution<double> first{0, interval_};
    for (std::size_t i = 0; i < clients_.size(); ++i) plan(i, first(random_));
    std::array<epoll_event, 512> events{};
    while (!over_ || (asking_ > 0 && Clock::now() < last_)) {
      const int ready = ::epoll_wait(set_, events.data(), static_cast<int>(events.size()), until_due());
      for (int i = 0; i < ready; ++i) {
        const auto which = events[static_cast<std::size_t>(i)].data.u64;
        if (which == clients_.size())
          command();
        else
          receive(which);
      }
      for (const auto now = Clock::now(); !over_ && !due_.empty() && due_.top().at <= now;) {
        const std::size_t which = due_.top().client;
        due_.pop();
        ask(which);
      }
    }
    for (const auto& client : clients_) {
      if (client.asking) judge_.lost(client.asked);
    }
  }

 private:
  void open(std::size_t which) {
    Client& client = clients_[which];
    client.line = load::connect_to(port_);
    ::fcntl(client.line, F_SETFL, O_NONBLOCK);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = which}};
    ::epoll_ctl(set_, EPOLL_CTL_ADD, client.line, &event);
  }
  void plan(std::size_t which, double ms) {
    due_.push(
        {Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double, std::milli>{ms}), which});
  }
  [[nodiscard]] int until_due() const {
    if (over_ || due_.empty()) return 100;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(due_.top().at - Clock::now()).count();
    return static_cast<int>(std::clamp<Ms>(left, 0, 100));
  }
  void ask(std::size_t which) {
    Client& client = clients_[which];
    const std::size_t token = random_() % tokens_.size();
    const bool waits_less = random_() % 4 == 0;
    const std::string request = "GET /v1/connections/" + tokens_[token].connection +
                                (waits_less ? "/token?wait=2" : "/token") +
                                " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + key_ + "\r\n\r\n";
    client.received.clear();
    client.asking = true;
    ++asking_;
    client.asked = judge_.ask(token, waits_less);
    if (::send(client.line, request.data(), request.size(), MSG_NOSIGNAL) != std::ssize(request)) ended(which);
  }
  void receive(std::size_t which) {
    Client& client = clients_[which];
    const auto size = ::recv(client.line, buffer_.data(), buffer_.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) return ended(which);
    client.received.append(buffer_.data(), static_cast<std::size_t>(size));
    Answer answer;
    if (!parse(client.received, answer)) return;
    judge_.answered(client.asked, answer);
    next(which);
  }
  // The server closed the connection: what was asked over it is lost, or would be next.
  void ended(std::size_t which) {
    Client& client = clients_[which];
    if (!client.asking) client.asked = judge_.ask(0, false);
    judge_.lost(client.asked);
    ::close(client.line);
    open(which);
    if (client.asking) next(which);
  }
  void next(std::size_t which) {
    Client& client = clients_[which];
    client.asking = false;
    --asking_;
    std::uniform_real_distribution<double> pause{0.5 * interval_, 1.5 * interval_};
    plan(which, std::max(0.0, pause(random_) - client.asked.took()));
  }
  void command() {
    std::string line;
    if (!std::getline(std::cin, line)) line = "end";
    if (line.starts_with("phase ")) return judge_.begin(line.substr(6));
    over_ = true;
    last_ = Clock::now() + std::chrono::milliseconds{last_answers};
    ::epoll_ctl(set_, EPOLL_CTL_DEL, STDIN_FILENO, nullptr);
  }

  std::string port_, key_;
  double interval_;
  std::vector<Token>& tokens_;
  Judge& judge_;
  std::vector<Client> clients_;
  int set_ = ::epoll_create1(EPOLL_CLOEXEC);
  std::priority_queue<Due> due_;
  std::mt19937_64 random_{1};
  std::array<char, 65536> buffer_{};
  std::size_t asking_ = 0;
  bool over_ = false;
  Clock::time_point last_;
};

std::vector<Token> read_tokens(const char* name) {
  std::vector<Token> tokens;
  std::ifstream file{name};
  for (Token token; file >> token.group >> token.connection >> token.expires;) tokens.push_back(token);
  if (tokens.empty()) stop("no reads");
  return tokens;
}

void raise_file_limit(std::size_t clients) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < clients + 100)
    stop("open files are limited to " + std::to_string(limit.rlim_max) + ": raise ulimit -Hn, or take fewer clients");
}

}  // namespace

int main(int argc, char** argv) {
  if (std::setvbuf(stdin, nullptr, _IONBF, 0) != 0)
    stop("standard input is buffered");  // what it holds back, epoll does not tell
  if (argc != 7) stop("expected PORT CLIENTS INTERVAL_MS READER_WAIT_MS SLACK_MS READS");
  const auto clients = static_cast<std::size_t>(load::number(argv[2]));
  raise_file_limit(clients);
  auto tokens = read_tokens(argv[6]);
  Judge judge{tokens, load::number(argv[4]), load::number(argv[5])};
  Crowd crowd{argv[1], clients, load::number(argv[3]), tokens, judge};
  const auto begun = Clock::now();
  crowd.run();
  judge.report(std::chrono::duration<double>(Clock::now() - begun).count(), clients);
}
