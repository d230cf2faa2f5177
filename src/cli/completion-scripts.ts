/**
 * Completion scripts of three shells. They know nothing: each asks `ml __complete WORDS…` for the words that may stand
 * next (`word<TAB>about` lines; `:files` or `:folders` alone means that the shell completes those itself).
 */

/**
 * The words are split from the line itself, because bash breaks words at `=`, `:` and `@` too (COMP_WORDBREAKS); what
 * bash takes for an earlier word is cut off the answers, except an `@`: COMP_WORDS breaks there, but readline keeps it
 * in the word that it replaces (rl_special_prefixes). No answer is ever expanded, since names come from others; outside
 * quotes it is escaped, so that neither `val_acc>=` nor a name means anything to the shell. Within quotes a word of the
 * query is completed, and what stands before it is kept.
 */
const bash = `# Completion of ml for bash: source this, or put it into ~/.local/share/bash-completion/completions/ml
_ml() {
  local line="\${COMP_LINE:0:COMP_POINT}" current broken prefix answer words open before quoted
  read -r -a words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current="\${words[\${#words[@]}-1]}"
  broken="\${COMP_WORDS[COMP_CWORD]}"
  case $broken in
    =|:) broken="" ;;
    [\\"\\']*)
      open=yes
      broken="\${broken:1}"
      [[ $broken == *" "* ]] && before="\${broken% *} "
      current="\${broken##* }"
      words[\${#words[@]}-1]="$current"
      broken="$current" ;;
  esac
  prefix="\${current%"$broken"}"
  prefix="\${prefix%@}"
  COMPREPLY=()
  while IFS= read -r answer; do
    case $answer in
      :files) compopt -o default 2>/dev/null; return ;;
      :folders) compopt -o default -o dirnames 2>/dev/null; return ;;
    esac
    answer="\${answer%%$'\\t'*}"
    [[ $answer == *[:=~] ]] && compopt -o nospace 2>/dev/null
    answer="\${answer#"$prefix"}"
    if [[ -n $open ]]; then quoted="$before$answer"; else printf -v quoted %q "$answer"; fi
    [[ -n $answer ]] && COMPREPLY+=("$quoted")
  done < <(command "\${words[0]/#\\~/$HOME}" __complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -F _ml ml ml-tui
`;

const zsh = `#compdef ml ml-tui
# Completion of ml for zsh: put it as _ml into a folder of $fpath, or source it after compinit.
_ml() {
  local -a plain described begun begun_described
  local answer
  for answer in "\${(@f)$(command "\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $answer in
      :files) _files; return ;;
      :folders) _files -/; return ;;
      '') ;;
      *[:=~]|*[:=~]$'\\t'*) begun+=("\${answer%%$'\\t'*}"); begun_described+=("\${answer/$'\\t'/  -- }") ;;
      *) plain+=("\${answer%%$'\\t'*}"); described+=("\${answer/$'\\t'/  -- }") ;;
    esac
  done
  (( \${#plain} )) && compadd -l -d described -a plain
  (( \${#begun} )) && compadd -l -S '' -d begun_described -a begun
}
if [ "$funcstack[1]" = "_ml" ]; then _ml "$@"; else compdef _ml ml ml-tui; fi
`;

const fish = `# Completion of ml for fish: put it into ~/.config/fish/completions/ml.fish
function __ml_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l answers (command $words[1] __complete -- $words[2..-1] 2>/dev/null)
  switch "$answers[1]"
    case :files
      __fish_complete_path (commandline -ct)
    case :folders
      __fish_complete_directories (commandline -ct)
    case '*'
      printf '%s\\n' $answers
  end
end
complete -c ml -f -a '(__ml_complete)'
complete -c ml-tui -f -a '(__ml_complete)'
`;

export const completionScripts: Readonly<Record<string, string>> = { bash, zsh, fish };
