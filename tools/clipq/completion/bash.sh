# Completion of clipq for bash. To enable it in every shell:
#   clipq completion bash > ~/.local/share/bash-completion/completions/clipq
@OFFER@
_clipq() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command='' choices='' files='' i
  local before=("${COMP_WORDS[@]:1:COMP_CWORD - 1}")
  # Bash treats "=" and ":" as separate words.
  if [[ $current == '=' || $current == ':' ]]; then
    [[ $current == ':' ]] && previous=':'
    current=''
  elif [[ $previous == '=' ]]; then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for i in "${before[@]}"; do
    if _clipq_is_command "$i"; then
      command=$i
      break
    fi
  done
  if [[ $previous == ':' ]]; then
    files=yes
  elif [[ $current == -* ]]; then
    _clipq_offer "$command" options
  elif ! _clipq_offer "$command" "$previous"; then
    _clipq_offer "$command" arguments
  fi
  if [[ -n $choices ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$current")
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *: ]] && compopt -o nospace 2>/dev/null
  fi
  if [[ -n $files && ${#COMPREPLY[@]} -eq 0 ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
  return 0
}

complete -F _clipq clipq
