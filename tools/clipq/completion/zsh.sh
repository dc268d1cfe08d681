#compdef clipq
# Completion of clipq for zsh. To enable it in every shell, put it into a folder in $fpath:
#   clipq completion zsh > ~/.zfunc/_clipq
@OFFER@
_clipq() {
  local current=${words[CURRENT]} previous=${words[CURRENT-1]} command='' choices='' files='' word
  for word in ${words[2,CURRENT-1]}; do
    if _clipq_is_command "$word"; then
      command=$word
      break
    fi
  done
  if [[ $current == --*=* ]]; then
    previous=${current%%=*}
    compset -P '*='
    current=${current#*=}
  fi
  if [[ $current == -* ]]; then
    _clipq_offer "$command" options
  elif ! _clipq_offer "$command" "$previous"; then
    _clipq_offer "$command" arguments
  fi
  if [[ $current == *:* && $choices == *:* ]]; then
    compset -P '*:'
    choices=''
    files=yes
  fi
  [[ -n $choices ]] && compadd -- ${=choices}
  [[ -n $files ]] && _files
  return 0
}

if [[ $funcstack[1] == _clipq ]]; then
  _clipq "$@"
else
  compdef _clipq clipq
fi
