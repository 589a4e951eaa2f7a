// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"
#include "cli/verbs.h"

namespace vireo {

// clang-format off
static constexpr std::string_view bash_script = R"script(_vireo() {
  local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} names
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W "plan run ps inspect logs console exec stop start restart pause resume rm events wait bench host image schema version completion --local --socket --output --help" -- "$word"))
    return
  fi
  names=$(vireo ps --quiet 2>/dev/null)
  case $verb in
    plan|run) COMPREPLY=($(compgen -f -- "$word")) ;;
    image)
      if [ "$COMP_CWORD" = 2 ]; then
        COMPREPLY=($(compgen -W "build import ls inspect rm" -- "$word"))
      else
        COMPREPLY=($(compgen -f -- "$word"))
      fi ;;
    ps|rm|wait|events)
      COMPREPLY=($(compgen -W "$(cut -d/ -f1 <<<"$names" | sort -u)" -- "$word")) ;;
    inspect|logs|console|exec|stop|start|restart|pause|resume)
      COMPREPLY=($(compgen -W "$names $(cut -d/ -f1 <<<"$names" | sort -u)" -- "$word")) ;;
  esac
}
complete -F _vireo vireo
)script";
// clang-format on

Result<int> completion_verb(const Arguments& arguments, Daemon&) {
  if (arguments.target != "bash")
    return Error{Errc::unsupported, "there is a completion script for bash only"};
  print(bash_script);
  return 0;
}

}  // namespace vireo
