"""`constellation completion`: a script that completes commands and options in a shell.

The script has all words in it, so that completion starts no Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from constellation.cli.command import HELP_NAMES, NAME, Command, below
from constellation.cli.main import all_commands
from constellation.cli.manual import PROGRAM, SHELLS
from constellation.cli.session import unanswered, write

# zsh runs bash's completions once it is told to.
_FOR_ZSH = "autoload -Uz compinit bashcompinit && compinit && bashcompinit\n"
_BASH = """\
_{name}() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
  local command="" words="" at
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "${{COMP_WORDS[at]}}" in
      {with_value}) ((at++)) ;;
      -*) ;;
      *) command="${{command:+$command }}${{COMP_WORDS[at]}}" ;;
    esac
  done
  case "$before" in
    --config) COMPREPLY=($(compgen -f -- "$current")); return ;;
    {with_value}) return ;;
  esac
  case "$command" in
{cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -F _{name} {name}
"""


def completion(shell: str) -> None:
    """Print the script for a shell."""
    if shell not in SHELLS:
        raise unanswered(f"there is no completion for {shell}, only for {' and '.join(SHELLS)}")
    write((_FOR_ZSH if shell == "zsh" else "") + script(all_commands()))


def script(commands: Sequence[Command]) -> str:
    """Return the script, for bash."""
    options = [option for one in (PROGRAM, *commands) for option in one.options if option.value]
    with_value = "|".join(dict.fromkeys(one.name for one in options))
    return _BASH.format(name=NAME, with_value=with_value, cases="\n".join(_cases(commands)))


def _cases(commands: Sequence[Command]) -> Iterator[str]:
    """Yield a case for each command; a command with an argument is the same after it."""
    for one in (PROGRAM, *commands):
        names = [inner.last_name for inner in below(commands, one)]
        options = {option.name for option in (*one.options, *PROGRAM.options) if option.value}
        options |= {option.name for option in one.options}
        words = " ".join([*names, *sorted(options), HELP_NAMES[-1]])
        pattern = f'"{one.name}"' + (f'|"{one.name} "*' if one.arguments else "")
        yield f'    {pattern}) words="{words}" ;;'
