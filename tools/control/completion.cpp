#include "tools/control/completion.hpp"

namespace aeo::control {

namespace {

// Bash takes HOST:PORT and --option=value apart, zsh does not: in `typed` they are whole.
constexpr const char* bash = R"sh(_aeo_control() {
  local cur= prev= command= i word glue= typed=() where=()
  local all="status why logs graph history verify approve reject retry skip cancel pause resume credential selftest"
  for ((i = 1; i <= COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    case $word in
      =) ((i < COMP_CWORD)) || typed+=("") ;;
      : | ::) ((${#typed[@]})) || typed=(""); typed[${#typed[@]} - 1]+=$word glue=1 ;;
      *) if [[ $glue ]]; then typed[${#typed[@]} - 1]+=$word glue=; else typed+=("$word"); fi ;;
    esac
  done
  cur=${typed[${#typed[@]} - 1]}
  ((${#typed[@]} < 2)) || prev=${typed[${#typed[@]} - 2]}
  case $prev in
    --workspace | --credential | --out) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --format) COMPREPLY=($(compgen -W "dot mermaid json" -- "$cur")); return ;;
    --role) COMPREPLY=($(compgen -W "viewer operator" -- "$cur")); return ;;
    --attach | --reason | --comment | --digest | --name | --expires | --task | --attempt) return ;;
  esac
  for ((i = 0; i < ${#typed[@]} - 1; ++i)); do
    case ${typed[i]} in
      --workspace | --attach | --credential) where+=("${typed[i]}" "${typed[i + 1]}"); ((++i)) ;;
      --workspace=* | --attach=* | --credential=*) where+=("${typed[i]}") ;;
      -*) ;;
      *) [[ $command ]] || command=${typed[i]} ;;
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
