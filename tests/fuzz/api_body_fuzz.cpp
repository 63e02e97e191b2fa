#include "api/json_body.hpp"
#include "fuzz/fuzz.hpp"

using namespace evergrant;

namespace {

constexpr std::int64_t least = -5;
constexpr std::int64_t most = 1'000'000;

// Every kind of field that the API's requests have.
void read_fields(JsonBody& body) {
  const auto name = body.text("name", 50);
  const auto note = body.optional_text("note", 50);
  const auto secret = body.secret("secret");
  const auto list = body.texts("list");
  const auto number = body.integer("number", least, most);
  (void)body.boolean("flag", true);
  const auto time = body.time("time");
  auto objects = body.objects("objects", 3);
  fuzz::demand(objects.size() <= 3 && list.size() <= 200, "lists are bounded");
  for (auto& object : objects) {
    object.text("name", 50);
    if (const auto finished = object.finish(); !finished) fuzz::demand_sound(finished.error());
  }
  fuzz::demand(!number || (*number >= least && *number <= most), "a number stays within its bounds");
  fuzz::demand(!secret || (!secret->empty() && secret->size() <= 65536), "a secret is bounded");
  if (time) fuzz::demand(!to_rfc3339(*time).empty(), "a time can be shown");
  if (const auto finished = body.finish(); !finished) return fuzz::demand_sound(finished.error(), 1000);
  fuzz::demand(!name.empty() && name.size() <= 50, "what is required is there");
  fuzz::demand_printable(note, 50, "texts are printable");
  for (const auto& item : list) fuzz::demand_printable(item, 500, "items are printable");
}

}  // namespace

// The body of an API request.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  HttpRequest request;
  request.headers.add("Content-Type", "application/json");
  request.body = fuzz::bytes_of(data, size);
  auto body = JsonBody::parse(request, 8);
  if (!body) {
    fuzz::demand_sound(body.error());
    return 0;
  }
  read_fields(*body);
  return 0;
}
