# One static library per folder of src/, linked in the order of the layers, so that a file cannot use what lies below it.
# All of them are installed, for those who link evergrant::testing; cmake/Install.cmake says how.

find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(CURL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(CLI11 REQUIRED)

add_library(evergrant_cli11 INTERFACE)
target_link_libraries(evergrant_cli11 INTERFACE CLI11::CLI11)
add_library(evergrant_toml INTERFACE)
target_compile_definitions(evergrant_toml INTERFACE TOML_EXCEPTIONS=0)
# Beast, and what it needs of Asio, are compiled once, in net/beast_impl.cpp.
add_library(evergrant_asio INTERFACE)
target_compile_definitions(evergrant_asio INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
                                                    BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_DATE_TIME)

# Several files are compiled as one where speed counts (the presets say where): it halves the time of a full build. Names in
# unnamed namespaces are then shared by neighbours, so they are told apart; what one file hides of another's is no fault.
add_library(evergrant_warnings INTERFACE)
target_compile_options(evergrant_warnings INTERFACE -Wall -Wextra -Wpedantic
                       $<$<NOT:$<BOOL:$<TARGET_PROPERTY:UNITY_BUILD>>>:-Wshadow> -Wnon-virtual-dtor -Wold-style-cast
                       -Wcast-align -Woverloaded-virtual -Wimplicit-fallthrough -Wconversion -Wno-sign-conversion -Wno-missing-designated-field-initializers -Werror)

# What nearly every file includes, parsed once for each target: a quarter of the time of a full build. A file still includes
# what it uses; -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON shows one that does not.
function(evergrant_precompile target)
  target_precompile_headers(${target} PRIVATE <algorithm> <chrono> <expected> <functional> <map> <memory> <mutex> <optional>
                            <string> <string_view> <utility> <variant> <vector> ${ARGN})
endfunction()

function(evergrant_layer name)
  cmake_parse_arguments(LAYER "" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/(main|wiping_allocator)\\.cpp$")
  set(kind STATIC)
  set(scope PUBLIC)
  if(NOT sources)
    file(WRITE ${CMAKE_BINARY_DIR}/empty.cpp "")
    set(sources ${CMAKE_BINARY_DIR}/empty.cpp)
  endif()
  add_library(${name} ${kind} ${sources})
  target_include_directories(${name} ${scope} $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/src>
                                             $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>)
  # What is ours and sets options only is not installed.
  list(TRANSFORM LAYER_PRIVATE REPLACE "^(evergrant_.+)$" "$<BUILD_INTERFACE:\\1>")
  target_link_libraries(${name} PUBLIC ${LAYER_PUBLIC} PRIVATE $<BUILD_INTERFACE:evergrant_warnings> ${LAYER_PRIVATE})
  set_property(GLOBAL APPEND PROPERTY EVERGRANT_LAYERS ${name})
  set(heavy "")
  if(Boost::json IN_LIST LAYER_PRIVATE)
    list(APPEND heavy <boost/json.hpp>)
  endif()
  if("$<BUILD_INTERFACE:evergrant_cli11>" IN_LIST LAYER_PRIVATE)
    list(APPEND heavy <CLI/CLI.hpp>)
  endif()
  evergrant_precompile(${name} ${heavy})
endfunction()

function(evergrant_program)
  if(EXISTS ${CMAKE_SOURCE_DIR}/src/app/main.cpp)
    # The allocator is the program's own: who links the libraries keeps theirs. mimalloc comes first, so that it stands in for
    # the C library's malloc; sanitizers bring one themselves.
    add_executable(evergrant ${CMAKE_SOURCE_DIR}/src/app/main.cpp ${CMAKE_SOURCE_DIR}/src/app/wiping_allocator.cpp)
    if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize=[a-z,]*(address|thread)")
      find_package(mimalloc REQUIRED)
      target_link_libraries(evergrant PRIVATE mimalloc)
    endif()
    target_link_libraries(evergrant PRIVATE app evergrant_warnings evergrant_cli11)
    target_link_options(evergrant PRIVATE LINKER:-z,relro,-z,now)
    # By itself: nothing may be inlined into it or out of it.
    set_source_files_properties(${CMAKE_SOURCE_DIR}/src/app/wiping_allocator.cpp PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
endfunction()
