/**
 * The reference of the command line as Markdown, from the commands themselves. Not here: the
 * commands (src/cli/commands).
 */

const NOTE =
  'Made from the commands by `npm run reference`: what `bitplane COMMAND --help` says, on a page.';

/** @param program what buildProgram of src/cli/program.ts gives */
export function cliPage(program) {
  const lines = [
    '# Command line',
    '',
    wrapped(program.description()),
    '',
    NOTE,
    '',
    ...SHARED,
    '',
    '| command | does |',
    '| --- | --- |',
    ...program.commands.map(
      (command) => `| [${command.name()}](#${command.name()}) | ${cell(command.description())} |`,
    ),
    '',
  ];
  for (const command of program.commands) {
    const usage = ['bitplane', command.name(), command.usage()].join(' ');
    lines.push(
      `## ${command.name()}`,
      '',
      wrapped(command.description()),
      '',
      '```',
      usage,
      '```',
      '',
    );
    const examples = examplesOf(command);
    if (examples.length > 0) lines.push('```sh', ...examples, '```', '');
    if (command.options.length > 0) {
      lines.push('| option | meaning |', '| --- | --- |');
      for (const { flags, description, argChoices, mandatory } of command.options) {
        const choices = argChoices === undefined ? '' : `: ${argChoices.join(', ')}`;
        const must = mandatory ? '; required' : '';
        lines.push(
          `| \`${flags.replaceAll('|', '\\|')}\` | ${cell(description)}${cell(choices)}${must} |`,
        );
      }
      lines.push('');
    }
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

const SHARED = [
  'Exit codes: 0 done, 1 failed, 2 called wrongly. Errors are one line on standard error; under',
  '`--json` the one document on standard output is the result, or',
  '`{ "error": { "code", "message", "node" } }` with exit code 1. Tables fit the terminal',
  '(`COLUMNS`, else its width, else 100); `NO_COLOR` and `FORCE_COLOR` are honoured. Work of over',
  'two seconds shows how far it is on standard error.',
];

/** The command lines that stand below a command's help. */
function examplesOf(command) {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return [...text.matchAll(/^ {2}\$ (.*)$/gm)].map(([, line]) => line);
}

const cell = (text) => text.replaceAll('|', '\\|').replaceAll('<', '\\<');

function wrapped(text) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== '' && last.length + word.length >= 100) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.join('\n');
}
