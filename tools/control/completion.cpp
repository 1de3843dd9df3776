#include "tools/control/completion.hpp"

namespace aeo::control {

namespace {

constexpr const char* bash = R"sh(_aeo_control() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command= i where=()
  local all="status why logs graph history verify approve reject retry skip cancel pause resume credential selftest"
  case $prev in
    --workspace | --credential | --out) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --format) COMPREPLY=($(compgen -W "dot mermaid json" -- "$cur")); return ;;
    --role) COMPREPLY=($(compgen -W "viewer operator" -- "$cur")); return ;;
    --attach | --reason | --comment | --digest | --name | --expires | --task | --attempt) return ;;
  esac
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case ${COMP_WORDS[i]} in
      --workspace | --attach | --credential) where+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}"); ((++i)) ;;
      -*) ;;
      *) [[ $command ]] || command=${COMP_WORDS[i]} ;;
    esac
  done
  local options="--json --workspace --attach --credential --help"
  case $command in
    "") ;;
    approve) options+=" --comment --digest --override --reason" ;;
    retry) options+=" --downstream --force --reason" ;;
    reject | skip | cancel | pause | resume) options+=" --reason" ;;
    logs) options+=" --task --attempt --follow" ;;
    graph) options+=" --format" ;;
    selftest) options+=" --kills --seed" ;;
    credential) options+=" --name --role --expires --out" ;;
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
    return
  fi
  case $command in
    "") COMPREPLY=($(compgen -W "$all" -- "$cur")) ;;
    credential) COMPREPLY=($(compgen -W "issue list revoke" -- "$cur")) ;;
    why | logs | approve | reject | retry | skip | cancel)
      COMPREPLY=($(compgen -W "$(aeo-control "${where[@]}" ids 2>/dev/null)" -- "$cur")) ;;
  esac
}
complete -F _aeo_control aeo-control
)sh";

} // namespace

std::string completion_script(const std::string& shell) {
  return shell == "zsh" ? std::string{"autoload -U +X bashcompinit && bashcompinit\n"} + bash
                        : std::string{bash};
}

} // namespace aeo::control
