# Compiler flags and the three ways to add a target.
add_library(vireo_flags INTERFACE)
target_include_directories(vireo_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(vireo_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor
  -Woverloaded-virtual -Wimplicit-fallthrough -Wunused-result -Werror)
target_compile_definitions(vireo_flags INTERFACE _GNU_SOURCE VIREO_VERSION="${PROJECT_VERSION}")
# Every access checked for null and alignment doubles the time to compile (12.5 s to 6.6 for
# control/function_steps.cc), and the address sanitizer sees null too: only folders that read packets
# set VIREO_EVERY_CHECK.
define_property(TARGET PROPERTY VIREO_EVERY_CHECK INITIALIZE_FROM_VARIABLE VIREO_EVERY_CHECK)
if(VIREO_SANITIZE)
  target_compile_options(vireo_flags INTERFACE -fsanitize=${VIREO_SANITIZE} -fno-omit-frame-pointer -g1 -O1)
  if(VIREO_SANITIZE MATCHES undefined)
    target_compile_options(vireo_flags INTERFACE
      $<$<NOT:$<BOOL:$<TARGET_PROPERTY:VIREO_EVERY_CHECK>>>:-fno-sanitize=null,alignment,object-size,vptr>)
  endif()
  if(VIREO_FUZZ)
    # Its warnings are not this project's.
    target_compile_options(vireo_flags INTERFACE -fno-sanitize-recover=all -w)
  endif()
  if(VIREO_SANITIZE MATCHES thread)
    # GCC 12 then takes std::variant for uninitialized (PR 105562), and Asio has fences.
    target_compile_options(vireo_flags INTERFACE -Wno-maybe-uninitialized -Wno-tsan)
  endif()
  target_link_options(vireo_flags INTERFACE -fsanitize=${VIREO_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  # GCC 12 sees overlaps and overflows in std::string at -O2 that are not there (PR 105651, 105329,
  # 105562).
  target_compile_options(vireo_flags INTERFACE -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2
    -Wno-restrict -Wno-stringop-overflow -Wno-maybe-uninitialized)
  target_link_options(vireo_flags INTERFACE -pie -Wl,-z,relro,-z,now)
endif()

# vireo_library(NAME SOURCES a.cc b.cc DEPENDS vireo_base fmt::fmt): the static library of one folder.
function(vireo_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  if(VIREO_TEST_FOLDERS)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
  target_link_libraries(${name} PUBLIC vireo_flags ${arg_DEPENDS})
endfunction()

# vireo_program(NAME SOURCES main.cc DEPENDS ...): a dynamically linked program in bin/.
function(vireo_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE vireo_flags ${arg_DEPENDS})
  if(VIREO_TEST_FOLDERS)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

# vireo_test(NAME SOURCES x_test.cc DEPENDS ...): one GoogleTest program, run as one ctest case.
# LABELS privileged marks what needs root; such a program runs alone (RUN_SERIAL).
function(vireo_test name)
  cmake_path(GET CMAKE_CURRENT_SOURCE_DIR FILENAME folder)
  if(NOT VIREO_TESTS OR (VIREO_TEST_FOLDERS AND NOT folder IN_LIST VIREO_TEST_FOLDERS))
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;LABELS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE vireo_flags ${arg_DEPENDS} GTest::gtest GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300 LABELS "${arg_LABELS}")
  if("privileged" IN_LIST arg_LABELS)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()
