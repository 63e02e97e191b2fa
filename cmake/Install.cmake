# What `cmake --install` leaves under the prefix: the program with its provider profiles, and a package with two targets:
# evergrant::evergrant, the library, and evergrant::testing, the fault kit. The libraries below them come along as
# evergrant::part_…: linked, not for use.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS evergrant RUNTIME)
install(DIRECTORY providers DESTINATION ${CMAKE_INSTALL_DATADIR}/evergrant)
install(FILES evergrant.example.toml README.md LICENSE TYPE DOC)

get_property(layers GLOBAL PROPERTY EVERGRANT_LAYERS)
foreach(layer IN LISTS layers)
  set_target_properties(${layer} PROPERTIES OUTPUT_NAME evergrant_${layer} EXPORT_NAME part_${layer})
endforeach()
set_target_properties(library PROPERTIES EXPORT_NAME evergrant)
set_target_properties(testing PROPERTIES EXPORT_NAME testing)
add_library(evergrant::evergrant ALIAS library)
add_library(evergrant::testing ALIAS testing)
foreach(public library testing)
  target_include_directories(${public} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()
target_compile_features(library INTERFACE cxx_std_23)
target_compile_features(testing INTERFACE cxx_std_20)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/evergrant)
install(TARGETS ${layers} EXPORT evergrantTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/evergrant)
install(DIRECTORY include/evergrant TYPE INCLUDE)
install(EXPORT evergrantTargets NAMESPACE evergrant:: DESTINATION ${package_dir})
set(providers_dir ${CMAKE_INSTALL_DATADIR}/evergrant/providers)
configure_package_config_file(cmake/evergrantConfig.cmake.in evergrantConfig.cmake INSTALL_DESTINATION ${package_dir}
                              PATH_VARS providers_dir NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(evergrantConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/evergrantConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/evergrantConfigVersion.cmake
        DESTINATION ${package_dir})
