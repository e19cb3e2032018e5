/**
 * `bitplane completion SHELL`: a script that completes commands, options and the values that these
 * offer (./choices.ts); everything else is completed as a file. Written from the commands
 * themselves, so that no list can be out of date. Not here: the commands (./commands).
 */
import type { Argument, Command, Option } from 'commander';
import { type Offer, offerOf } from './choices.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What a script offers for an option or an argument. */
interface Values {
  readonly words: readonly string[];
  readonly form: NonNullable<Offer['form']> | 'words';
}

type ValuesOf = (target: Option | Argument | undefined) => Values | undefined;

export async function completion(shell: Shell, program: Command): Promise<string> {
  const found = new Map<unknown, Values>();
  for (const { options, registeredArguments } of program.commands)
    for (const target of [...options, ...registeredArguments]) {
      const offer = offerOf(target);
      if (offer !== undefined)
        found.set(target, { words: await offer.values(), form: offer.form ?? 'words' });
    }
  return { bash, zsh, fish }[shell](program, (target) => found.get(target));
}

/** The names of a store's tasks, a line each: what a script asks for `--task`. */
export async function taskLines(store: string): Promise<string> {
  const { taskNames } = await import('./later.js');
  return (await taskNames(store)).map((name) => `${name}\n`).join('');
}

/** What shells ask this command, with the store behind it. */
const ASK_TASKS = (shell: Shell) => `bitplane completion ${shell} --tasks`;

function bash(program: Command, valuesOf: ValuesOf): string {
  const offers = ({ words, form }: Values) =>
    `_bitplane_${form}${form === 'tasks' ? '' : ` ${quoted(words.join(' '))}`}`;
  const values = program.commands.flatMap((command) =>
    command.options.flatMap((option) => {
      const found = valuesOf(option);
      const key = quoted(`${command.name()} ${option.long}`);
      return found === undefined ? [] : [`    ${key}) ${offers(found)}; return ;;`];
    }),
  );
  const options = program.commands.map(
    (command) => `    ${command.name()}) _bitplane_words ${quoted(flagsOf(command).join(' '))} ;;`,
  );
  const first = program.commands.flatMap((command) => {
    const found = valuesOf(command.registeredArguments[0]);
    return found === undefined ? [] : [`    ${command.name()}) ${offers(found)} ;;`];
  });
  return `# bitplane completion bash: source this in ~/.bashrc
# Colons and equals signs are parts of our words, which bash splits at them: the line is read anew.
_bitplane_words() { COMPREPLY=($(compgen -W "$1" -- "$cur")); }
_bitplane_list() {
  local before=
  if [[ $cur == *,* ]]; then before=\${cur%,*},; fi
  COMPREPLY=($(compgen -P "$before" -W "$1" -- "\${cur##*,}"))
}
_bitplane_named() {
  if [[ $cur == *=* ]]; then COMPREPLY=($(compgen -P "\${cur%%=*}=" -W "$1" -- "\${cur#*=}")); fi
}
_bitplane_tasks() {
  local word
  for word in "\${words[@]:2}"; do
    if [ -f "$word" ]; then
      _bitplane_words "$(${ASK_TASKS('bash')} "$word" 2>/dev/null)"
      return
    fi
  done
}
# Names beside the files that begin alike; where no name does, files are left to bash.
_bitplane_file() {
  if [ -z "$cur" ]; then return; fi
  _bitplane_words "$1"
  if [ "\${#COMPREPLY[@]}" -eq 0 ]; then return; fi
  local file
  while IFS= read -r file; do
    if [ -d "$file" ]; then file=$file/; fi
    COMPREPLY+=("$(printf %q "$file")")
  done < <(compgen -f -- "$cur")
}
_bitplane_offered() {
  case "$command $prev" in
${values.join('\n')}
  esac
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
_bitplane() {
  local -a words
  local line=\${COMP_LINE:0:COMP_POINT}
  read -ra words <<< "$line"
  if [[ $line == *[[:space:]] ]]; then words+=(''); fi
  local at=$((\${#words[@]} - 1))
  local cur=\${words[at]} prev=\${words[at-1]} command=\${words[1]} i
  COMPREPLY=()
  if [ "$at" -eq 1 ]; then
    _bitplane_words ${quoted(program.commands.map((command) => command.name()).join(' '))}
    return
  fi
  local whole=$cur
  if [[ $cur == --*=* ]]; then prev=\${cur%%=*}; cur=\${cur#*=}; fi
  _bitplane_offered
  # Bash replaces what stands behind the last character that it splits at.
  local split=
  if [[ $COMP_WORDBREAKS == *=* && $whole == *=* ]]; then split=\${whole%=*}=; fi
  if [[ $COMP_WORDBREAKS == *:* && $whole == *:* ]]; then split=\${whole%:*}:; fi
  if [[ $whole != "$cur" ]]; then split=\${split#"$prev="}; fi
  for ((i = 0; i < \${#COMPREPLY[@]}; i++)); do COMPREPLY[i]=\${COMPREPLY[i]#"$split"}; done
  if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == */ ]]; then
    compopt -o nospace 2>/dev/null
  fi
}
complete -o default -F _bitplane bitplane
`;
}

function zsh(program: Command, valuesOf: ValuesOf): string {
  const about = (text: string) => text.replace(/[[\]:\\]/g, '\\$&');
  const names = program.commands.map((command) =>
    quoted(`${command.name()}:${command.description().replaceAll(':', '\\:')}`),
  );
  // Values with colons, and those that a word has in a part of it, come from functions.
  const bodies: string[] = [];
  const action = ({ words, form }: Values) => {
    const add = `compadd -- ${words.map(quoted).join(' ')}`;
    const body = {
      words: undefined,
      file: `${add}; _files`,
      list: `compset -P '*,'; ${add}`,
      named: `compset -P '*=' && ${add}`,
      tasks: '_bitplane_tasks',
    }[form];
    if (body === undefined) return `(${words.join(' ')})`;
    if (form === 'tasks') return ' _bitplane_tasks';
    if (!bodies.includes(body)) bodies.push(body);
    return ` _bitplane_values_${bodies.indexOf(body)}`;
  };
  const cases = program.commands.map((command) => {
    const specs = command.options.map((option) => {
      const found = valuesOf(option);
      const many = isRepeatable(option) ? '*' : '';
      const takes = !takesValue(option)
        ? ''
        : `:value:${found === undefined ? '_files' : action(found)}`;
      const name = `${option.long}${takesValue(option) ? '=' : ''}`;
      return `      ${quoted(`${many}${name}[${about(option.description)}]${takes}`)} \\`;
    });
    const [first] = command.registeredArguments;
    const found = valuesOf(first);
    const rest = [
      ...(found === undefined
        ? []
        : [quoted(`${first?.variadic === true ? '*' : '1'}:${first?.name()}:${action(found)}`)]),
      ...(first?.variadic === true || (found !== undefined && found.form !== 'file')
        ? []
        : [quoted('*:file:_files')]),
    ];
    const lines = [...specs, `      ${rest.join(' ')} ;;`];
    return `    ${command.name()}) _arguments \\\n${lines.join('\n')}`;
  });
  return `#compdef bitplane
# bitplane completion zsh: a file _bitplane in a folder of $fpath, or source it
_bitplane_tasks() {
  local word
  for word in "\${(@)words[2,-1]}"; do
    if [[ -f $word ]]; then
      compadd -- \${(f)"$(${ASK_TASKS('zsh')} "$word" 2>/dev/null)"}
      return
    fi
  done
}
${bodies.map((body, i) => `_bitplane_values_${i}() { ${body}; }`).join('\n')}
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
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = _bitplane ]; then _bitplane "$@"; else compdef _bitplane bitplane; fi
`;
}

function fish(program: Command, valuesOf: ValuesOf): string {
  const words = ({ words, form }: Values) =>
    quotedFish(
      {
        words: words.join(' '),
        file: words.join(' '),
        list: `(__bitplane_behind , ${words.join(' ')})`,
        named: `(__bitplane_behind = ${words.join(' ')})`,
        tasks: '(__bitplane_tasks)',
      }[form],
    );
  const lines = program.commands.flatMap((command) => {
    const seen = `complete -c bitplane -n '__fish_seen_subcommand_from ${command.name()}'`;
    const first = valuesOf(command.registeredArguments[0]);
    return [
      `complete -c bitplane -f -n __fish_use_subcommand -a ${command.name()} ` +
        `-d ${quotedFish(command.description())}`,
      ...(first === undefined
        ? []
        : [`${seen}${first.form === 'file' ? '' : ' -f'} -a ${words(first)}`]),
      ...command.options.map((option) => {
        const found = valuesOf(option);
        const takes =
          found === undefined
            ? takesValue(option)
              ? ' -r'
              : ''
            : ` ${found.form === 'file' ? '-r' : '-x'} -a ${words(found)}`;
        const about = quotedFish(option.description);
        return `${seen} -l ${(option.long as string).slice(2)}${takes} -d ${about}`;
      }),
    ];
  });
  return `# bitplane completion fish: save as ~/.config/fish/completions/bitplane.fish
# Values behind the last separator of a word: a,b or NAME=b.
function __bitplane_behind
    set -l word (string replace -r -- '^--[\\w-]+=' '' (commandline -ct))
    set -l before (string match -r -- ".*$argv[1]" $word)
    if test "$argv[1]" = , -o -n "$before"
        printf '%s\\n' $before$argv[2..-1]
    end
end
function __bitplane_tasks
    for word in (commandline -opc)[3..-1]
        if test -f $word
            ${ASK_TASKS('fish')} $word 2>/dev/null
            return
        end
    end
end
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
