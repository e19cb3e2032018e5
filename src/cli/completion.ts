/**
 * `bitplane completion SHELL`: a script that completes commands, options and the values of options
 * that have a choice; everything else is completed as a file. Written from the commands themselves,
 * so that no list can be out of date. Not here: the commands (./commands).
 */
import type { Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function completion(shell: Shell, program: Command): string {
  return { bash, zsh, fish }[shell](program);
}

function bash(program: Command): string {
  const words = (texts: readonly string[]) =>
    `COMPREPLY=($(compgen -W ${quoted(texts.join(' '))} -- "$cur"))`;
  const values = program.commands.flatMap((command) =>
    command.options.flatMap((option) =>
      option.argChoices === undefined
        ? []
        : [`    ${quoted(`${command.name()} ${option.long}`)}) ${words(option.argChoices)} ;;`],
    ),
  );
  const options = program.commands.map(
    (command) => `    ${command.name()}) ${words(flagsOf(command))} ;;`,
  );
  const first = program.commands.flatMap((command) => {
    const choices = command.registeredArguments[0]?.argChoices;
    return choices === undefined ? [] : [`    ${command.name()}) ${words(choices)} ;;`];
  });
  return `# bitplane completion bash: source this in ~/.bashrc
_bitplane() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    ${words(program.commands.map((command) => command.name()))}
    return
  fi
  case "$command $prev" in
${values.join('\n')}
  esac
  if [ "\${#COMPREPLY[@]}" -gt 0 ]; then return; fi
  if [[ $cur != -* ]]; then
    case "$command" in
${first.map((line) => `  ${line}`).join('\n')}
    esac
    return
  fi
  case "$command" in
${options.join('\n')}
  esac
}
complete -o default -F _bitplane bitplane
`;
}

function zsh(program: Command): string {
  const about = (text: string) => text.replace(/[[\]:\\]/g, '\\$&');
  const names = program.commands.map((command) =>
    quoted(`${command.name()}:${command.description().replaceAll(':', '\\:')}`),
  );
  const cases = program.commands.map((command) => {
    const specs = command.options.map((option) => {
      const value = option.argChoices?.join(' ');
      const many = isRepeatable(option) ? '*' : '';
      const takes = !takesValue(option)
        ? ''
        : value === undefined
          ? ':value:_files'
          : `:value:(${value})`;
      return `      ${quoted(`${many}${option.long}[${about(option.description)}]${takes}`)} \\`;
    });
    const choices = command.registeredArguments[0]?.argChoices;
    const rest = choices === undefined ? '*:file:_files' : `1:choice:(${choices.join(' ')})`;
    return `    ${command.name()}) _arguments \\\n${specs.join('\n')}\n      ${quoted(rest)} ;;`;
  });
  return `#compdef bitplane
# bitplane completion zsh: a file _bitplane in a folder of $fpath, or source it
_bitplane() {
  local -a commands
  commands=(
    ${names.join('\n    ')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.map((text) => text.replace(/ \\\n\n/, ' \\\n')).join('\n')}
  esac
}
if [ "$funcstack[1]" = _bitplane ]; then _bitplane "$@"; else compdef _bitplane bitplane; fi
`;
}

function fish(program: Command): string {
  const lines = program.commands.flatMap((command) => {
    const seen = `complete -c bitplane -n '__fish_seen_subcommand_from ${command.name()}'`;
    const choices = command.registeredArguments[0]?.argChoices;
    return [
      `complete -c bitplane -f -n __fish_use_subcommand -a ${command.name()} ` +
        `-d ${quotedFish(command.description())}`,
      ...(choices === undefined ? [] : [`${seen} -f -a ${quotedFish(choices.join(' '))}`]),
      ...command.options.map((option) => {
        const value = option.argChoices?.join(' ');
        const takes =
          value === undefined ? (takesValue(option) ? ' -r' : '') : ` -x -a ${quotedFish(value)}`;
        const about = quotedFish(option.description);
        return `${seen} -l ${(option.long as string).slice(2)}${takes} -d ${about}`;
      }),
    ];
  });
  return `# bitplane completion fish: save as ~/.config/fish/completions/bitplane.fish
${lines.join('\n')}
`;
}

const flagsOf = (command: Command) => [
  ...command.options.map(({ long }) => long as string),
  '--help',
];

const takesValue = (option: Option) => option.required || option.optional;

const isRepeatable = (option: Option) => option.description.includes('repeatable');

/** A word of bash and zsh. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

const quotedFish = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;
