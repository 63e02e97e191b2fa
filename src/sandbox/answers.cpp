#include "sandbox/answers.hpp"

#include <boost/json.hpp>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

HttpResponse answer(int status, std::string_view type, std::string body) {
  HttpResponse response{.status = status, .headers = {}, .body = std::move(body)};
  if (!type.empty()) response.headers.add("Content-Type", std::string{type});
  response.headers.add("Cache-Control", "no-cache, no-store");
  response.headers.add("Pragma", "no-cache");
  return response;
}

std::string xml_fault(const ApiFault& fault, std::string_view code, std::string_view message, Time now) {
  const bool authentication = fault.status == 401;
  std::string body = R"(<?xml version="1.0" encoding="UTF-8" standalone="yes"?>)";
  body += R"(<IntuitResponse xmlns="http://schema.intuit.com/finance/v3" time=")" + to_rfc3339(now) + "\">";
  body += std::string{"<Fault type=\""} + (authentication ? "AuthenticationFault" : html_escape(fault.type)) + "\">";
  body += "<Error code=\"" + html_escape(code) + "\"><Message>" + html_escape(message) + "</Message>";
  return body + "<Detail>" + html_escape(fault.detail) + "</Detail></Error></Fault></IntuitResponse>";
}

}  // namespace

HttpResponse json_answer(int status, const json::value& body) {
  return answer(status, "application/json;charset=UTF-8", json::serialize(body));
}

HttpResponse html_answer(int status, std::string body) {
  return answer(status, "text/html; charset=utf-8", std::move(body));
}

HttpResponse empty_answer(int status) { return answer(status, {}, {}); }

HttpResponse redirect_answer(std::string location) {
  HttpResponse response = answer(303, {}, {});
  response.headers.add("Location", std::move(location));
  response.headers.add("Referrer-Policy", "no-referrer");
  return response;
}

HttpResponse method_not_allowed(std::string_view allowed) {
  HttpResponse response = oauth_error(405, "invalid_request", "This endpoint does not know that method");
  response.headers.add("Allow", std::string{allowed});
  return response;
}

HttpResponse oauth_error(int status, std::string_view error, std::string_view description) {
  json::object body{{"error", error}};
  if (!description.empty()) body["error_description"] = description;
  return json_answer(status, body);
}

HttpResponse problem(int status, const Error& error) {
  json::object body{{"status", status}, {"code", to_string(error.code)}, {"detail", error.message}};
  if (!error.hint.empty()) body["hint"] = error.hint;
  return answer(status, "application/problem+json", json::serialize(body));
}

bool wants_xml(const HttpRequest& request) {
  const auto accept = request.headers.find("accept");
  if (!accept) return false;
  const std::string types = to_lower_ascii(*accept);
  return types.find("xml") != std::string::npos && types.find("json") == std::string::npos;
}

HttpResponse api_fault(const ApiFault& fault, bool xml, Time now) {
  std::string message = "message=" + std::string{fault.name} + "; errorCode=" + std::string{fault.number};
  message += "; statusCode=" + std::to_string(fault.status);
  const std::string_view code = fault.number.substr(std::min(fault.number.find_first_not_of('0'), fault.number.size()));
  if (xml) return answer(fault.status, "application/xml;charset=UTF-8", xml_fault(fault, code, message, now));
  const json::object error{{"message", message}, {"detail", fault.detail}, {"code", code}, {"element", nullptr}};
  return json_answer(fault.status, json::object{{"warnings", nullptr},
                                                {"intuitObject", nullptr},
                                                {"fault", json::object{{"error", json::array{error}}, {"type", fault.type}}},
                                                {"queryResponse", nullptr},
                                                {"requestId", nullptr},
                                                {"time", to_epoch_ms(now)},
                                                {"status", nullptr}});
}

HttpResponse validation_fault(std::string_view message, std::string_view detail, std::string_view code, Time now) {
  const json::object error{{"Message", message}, {"Detail", detail}, {"code", code}};
  return json_answer(400, json::object{{"Fault", json::object{{"Error", json::array{error}}, {"type", "ValidationFault"}}},
                                       {"time", to_rfc3339(now)}});
}

}  // namespace evergrant
