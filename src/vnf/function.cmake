# vnf_function(NAME): adds the function NAME (class in NAME.h and NAME.cc, `-` in a name being `_` in
# files and PascalCase in the class) to everything that knows functions: its static program
# bin/functions/NAME, its label bin/functions/NAME.json, the hosted library for tests, and the check
# that it needs no library. A larger one lies in a folder: vnf_function(NAME FOLDER F SOURCES a.cc ...),
# its class in F/NAME.h.
set(VNF_FLAGS -O2 -ffreestanding -fno-exceptions -fno-rtti -fno-stack-protector
  -fno-threadsafe-statics -fno-asynchronous-unwind-tables -fno-pic -fcf-protection=none
  -ffunction-sections -fdata-sections -U_FORTIFY_SOURCE)
set(link -nostdlib -static -no-pie -Wl,--gc-sections,--build-id=none,-z,norelro,-z,noexecstack)
# One segment to execute and one to write: the fewest pages to map and to fault in.
set(VNF_PROCESS_LINK ${link} -s -Wl,-z,noseparate-code)
set(VNF_MACHINE_LINK ${link} -Wl,-z,max-page-size=4096)
# For the unikernels, and for functions of users' own.
foreach(options VNF_FLAGS VNF_PROCESS_LINK VNF_MACHINE_LINK)
  set_property(GLOBAL PROPERTY ${options} ${${options}})
endforeach()
add_library(vireo_freestanding INTERFACE)
target_include_directories(vireo_freestanding INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(vireo_freestanding INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor
  -Woverloaded-virtual -Wimplicit-fallthrough -Wunused-result -Werror ${VNF_FLAGS})

# What all programs without a library share; memcpy must not be turned into a call of itself.
add_library(vireo_memory_functions STATIC memory_functions.cc)
target_link_libraries(vireo_memory_functions PUBLIC vireo_freestanding)
set_source_files_properties(memory_functions.cc PROPERTIES
  COMPILE_OPTIONS -fno-tree-loop-distribute-patterns)
add_library(vireo_vnf_program STATIC entry.cc state_stream.cc)
target_link_libraries(vireo_vnf_program PUBLIC vireo_freestanding)

# The back-end for processes.
add_library(vireo_vnf_posix STATIC posix/start.cc posix/process.cc posix/agent.cc posix/port_io.cc
                                   posix/loop.cc)
target_link_libraries(vireo_vnf_posix PUBLIC vireo_vnf_program vireo_memory_functions)

function(vnf_function name)
  cmake_parse_arguments(arg "" "FOLDER" "SOURCES" ${ARGN})
  string(REPLACE "-" "_" header ${name})
  set(include ${header}.h)
  set(sources ${header}.cc)
  if(arg_FOLDER)
    set(include ${arg_FOLDER}/${include})
    set(sources ${arg_SOURCES})
  endif()
  set(class "")
  string(REPLACE "_" ";" words ${header})
  foreach(word ${words})
    string(SUBSTRING ${word} 0 1 first)
    string(SUBSTRING ${word} 1 -1 rest)
    string(TOUPPER ${first} first)
    string(APPEND class ${first}${rest})
  endforeach()

  add_library(vnf_${header}_object OBJECT ${sources})
  target_link_libraries(vnf_${header}_object PUBLIC vireo_freestanding)

  configure_file(posix/program.cc.in ${CMAKE_CURRENT_BINARY_DIR}/program_${header}.cc @ONLY)
  add_executable(function_${header} ${CMAKE_CURRENT_BINARY_DIR}/program_${header}.cc
                 $<TARGET_OBJECTS:vnf_${header}_object>)
  target_link_libraries(function_${header} PRIVATE vireo_vnf_posix)
  target_link_options(function_${header} PRIVATE ${VNF_PROCESS_LINK})
  set_target_properties(function_${header} PROPERTIES OUTPUT_NAME ${name}
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin/functions)

  set_property(GLOBAL APPEND PROPERTY VNF_NAMES ${name})
  set_property(GLOBAL PROPERTY VNF_INCLUDE_${header} ${include})
  set_property(GLOBAL PROPERTY VNF_CLASS_${header} ${class})
  if(NOT arg_FOLDER STREQUAL posix)  # on the kernel's sockets
    set_property(GLOBAL APPEND PROPERTY VNF_PACKET_NAMES ${name})
  endif()
  set_property(GLOBAL APPEND PROPERTY VNF_SOURCES ${sources})
  set_property(GLOBAL APPEND_STRING PROPERTY VNF_INCLUDES "#include \"vnf/${include}\"\n")
  set_property(GLOBAL APPEND_STRING PROPERTY VNF_TABLES "    &vireo::vnf::${class}::table,\n")
  if(VIREO_TESTS)
    add_test(NAME vnf_freestanding_${header}
             COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/check_freestanding.sh ${CMAKE_CXX_COMPILER}
                     $<TARGET_OBJECTS:vnf_${header}_object>
             COMMAND_EXPAND_LISTS)
  endif()
endfunction()

# vnf_functions_done(): after the last vnf_function().
function(vnf_functions_done)
  foreach(part NAMES SOURCES INCLUDES TABLES)
    get_property(${part} GLOBAL PROPERTY VNF_${part})
  endforeach()
  configure_file(describe_tables.cc.in ${CMAKE_CURRENT_BINARY_DIR}/describe_tables.cc @ONLY)
  list(REMOVE_DUPLICATES SOURCES)  # shared by several functions
  vireo_library(vireo_vnf_functions SOURCES ${SOURCES} DEPENDS vireo_vnf)
  vireo_program(vnf-describe SOURCES describe.cc ${CMAKE_CURRENT_BINARY_DIR}/describe_tables.cc
                DEPENDS vireo_vnf)
  foreach(name ${NAMES})
    set(label ${CMAKE_BINARY_DIR}/bin/functions/${name}.json)
    add_custom_command(OUTPUT ${label}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/bin/functions
      COMMAND vnf-describe ${name} > ${label}.new
      COMMAND ${CMAKE_COMMAND} -E rename ${label}.new ${label}
      DEPENDS vnf-describe VERBATIM)
    list(APPEND labels ${label})
    string(REPLACE "-" "_" header ${name})
    list(APPEND programs function_${header})
  endforeach()
  # Everything that `image build` takes.
  add_custom_target(vnf_functions ALL DEPENDS ${labels} ${programs})
endfunction()
