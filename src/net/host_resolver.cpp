#include "net/host_resolver.hpp"

#include <netdb.h>

#include <list>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/encoding.hpp"
#include "base/thread_name.hpp"

namespace evergrant {
namespace {

using Found = Result<std::vector<IpAddress>>;

constexpr std::size_t most_questions = 64;    // under way at a time
constexpr std::size_t most_waiting = 10'000;  // for one of them

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

Found ask_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  const std::unique_ptr<addrinfo, FreeAddresses> owned{list};
  if (failed != 0) {
    return fail(Errc::provider_unavailable, "its name cannot be resolved: " + printable(::gai_strerror(failed)));
  }
  std::vector<IpAddress> addresses;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (const auto address = IpAddress::from(*entry->ai_addr)) addresses.push_back(*address);
  }
  return addresses;
}

class SystemResolver final : public HostResolver {
 public:
  SystemResolver() = default;
  SystemResolver(const SystemResolver&) = delete;
  SystemResolver& operator=(const SystemResolver&) = delete;
  ~SystemResolver() override {
    for (Question& question : questions_) question.thread.join();
  }

  Task<Found> resolve(std::string host) override {
    const Completion<Found> done;
    if (!ask(host, done)) {
      co_return fail(Errc::provider_unavailable, "its name cannot be resolved: too many are being asked for");
    }
    auto addresses = co_await done;
    co_return addresses;
  }

 private:
  struct Question {
    std::string host;
    std::vector<Completion<Found>> waiting;
    std::thread thread;
    bool over = false;
  };

  // False: too many are under way. A name that is being asked for already is not asked for twice: one that hangs would take
  // all the places.
  bool ask(const std::string& host, const Completion<Found>& done) {
    const std::lock_guard lock{mutex_};
    std::erase_if(questions_, [](Question& question) {
      if (question.over) question.thread.join();
      return question.over;
    });
    for (Question& question : questions_) {
      if (question.host != host) continue;
      if (question.waiting.size() >= most_waiting) return false;
      question.waiting.push_back(done);
      return true;
    }
    if (questions_.size() >= most_questions) return false;
    Question& question = questions_.emplace_back();
    question.host = host;
    question.waiting.push_back(done);
    try {
      question.thread = std::thread{[this, &question] { answer(question); }};
    } catch (const std::system_error&) {  // the process may have no more threads
      questions_.pop_back();
      return false;
    }
    return true;
  }

  void answer(Question& question) {
    name_this_thread("eg-resolver");
    const Found found = ask_system(question.host);
    std::vector<Completion<Found>> waiting;
    {
      const std::lock_guard lock{mutex_};
      waiting.swap(question.waiting);
      question.over = true;
    }
    for (const auto& done : waiting) done.set(found);
  }

  std::mutex mutex_;
  std::list<Question> questions_;
};

}  // namespace

std::shared_ptr<HostResolver> make_system_resolver() { return std::make_shared<SystemResolver>(); }

}  // namespace evergrant
