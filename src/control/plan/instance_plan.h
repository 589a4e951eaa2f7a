// SPDX-License-Identifier: Apache-2.0
// What runs inside an instance: the image's values with the descriptor's on top. Pure.
#pragma once
#include "control/plan/planner.h"

namespace vireo {

// Process, root, files, capabilities, resources and function start; ids and ports are left empty.
InstanceSpec plan_instance(const FunctionSpec& function, const ResolvedImage& image,
                           std::vector<Finding>& findings);

// Names of a service's functions with their addresses. Facet "hosts" says when it is another one.
inline constexpr const char* path_of_hosts = "/etc/hosts";
std::string hosts_file(const std::string& service, const std::vector<DesiredFunction>& functions);

// "SIGQUIT", "QUIT" or "3"; SIGTERM for what is not known.
int signal_number(const std::string& text);

Facets function_facets(const FunctionSpec& function, const InstanceSpec& instance);

}  // namespace vireo
