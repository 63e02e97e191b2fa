// The one place that compiles Beast, whose parsers these are, and what it needs of Asio; everybody else sees declarations
// only.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
