#include "api/pages.hpp"

#include "base/encoding.hpp"
#include "crypto/hash.hpp"

namespace evergrant {
namespace {

constexpr std::string_view style = R"(:root{color-scheme:light dark}
body{font:17px/1.55 system-ui,sans-serif;margin:0;display:grid;min-height:100vh;place-items:center;background:Canvas;color:CanvasText}
main{max-width:34rem;padding:2rem;margin:1rem;border:1px solid color-mix(in srgb,CanvasText 18%,Canvas);border-radius:12px}
h1{font-size:1.5rem;line-height:1.25;margin:.2rem 0 .8rem}
.sign{font-size:2rem;line-height:1}.good{color:#1a7f37}.bad{color:#b3261e}
p{margin:.6rem 0}.small{font-size:.85rem;opacity:.75}
code{font:0.92em ui-monospace,monospace;overflow-wrap:anywhere}
ul{padding-left:1.2rem})";

const std::string& content_policy() {
  static const std::string policy = "default-src 'none'; style-src 'sha256-" + base64_encode(sha256(style)) +
                                    "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
  return policy;
}

Reply html(int status, std::string_view title, std::string_view content) {
  std::string body = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">";
  body += R"(<meta name="viewport" content="width=device-width,initial-scale=1"><title>)";
  body += html_escape(title) + "</title><style>";
  body += style;
  body += "</style></head><body><main>";
  body += content;
  body += "</main></body></html>\n";
  return {.status = status,
          .body = std::move(body),
          .content_type = "text/html; charset=utf-8",
          .headers = {{"Content-Security-Policy", content_policy()}, {"Referrer-Policy", "no-referrer"}}};
}

}  // namespace

Reply page(int status, bool good, std::string_view title, std::string_view message, std::string_view small_print) {
  std::string content = good ? R"(<div class="sign good" aria-hidden="true">&#10003;</div>)"
                             : R"(<div class="sign bad" aria-hidden="true">&#10007;</div>)";
  content += "<h1>" + html_escape(title) + "</h1><p>" + html_escape(message) + "</p>";
  if (!small_print.empty()) content += "<p class=\"small\">" + html_escape(small_print) + "</p>";
  return html(status, title, content);
}

Reply front_page_of(std::string_view public_url) {
  const std::string base = html_escape(public_url);
  return html(200, "evergrant",
              "<h1>evergrant is running</h1>"
              "<p>It keeps OAuth grants alive and hands out access tokens that work.</p><ul>"
              "<li><a href=\"/openapi.json\">/openapi.json</a>: the API, described</li>"
              "<li><a href=\"/healthz\">/healthz</a>, <a href=\"/readyz\">/readyz</a>: is it alive, can it serve</li>"
              "</ul><p>Try: <code>curl -H \"Authorization: Bearer $KEY\" " +
                  base + "/v1/connections</code></p>");
}

Reply redirect(std::string location) {
  return {.status = 303,
          .body = {},
          .content_type = {},
          .headers = {{"Location", std::move(location)}, {"Referrer-Policy", "no-referrer"}}};
}

}  // namespace evergrant
