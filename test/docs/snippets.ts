/** Reads the fenced blocks of a page, compiles them, runs them. Not a test. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Block {
  /** Where it begins, such as `docs/memory.md:12`. */
  readonly place: string;
  /** What stands behind the fence; '' where nothing does. */
  readonly language: string;
  readonly code: string;
}

/** Every fenced block of a page, in order. @param page its path from the root */
export function blocksOf(page: string): Block[] {
  const text = readFileSync(`${ROOT}/${page}`, 'utf8');
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, code], i, all) => {
    const line = text.slice(0, all[i]?.index).split('\n').length;
    return { place: `${page}:${line}`, language: language as string, code: code as string };
  });
}

/** Command lines of a block: continued lines are one, comments and a prompt are left out. */
export function commandsOf({ language, code }: Block): string[] {
  const lines = code
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').trim());
  // A block of no language is what a terminal shows: commands behind a prompt, or a single one.
  if (language === 'sh') return lines.filter((line) => line !== '' && !line.startsWith('#'));
  const asked = lines.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2));
  return asked.length > 0 ? asked : lines.filter((line) => /^(npx )?bitplane |^npm /.test(line));
}

/** Words as a shell has them: quotes hold a word together. */
export function wordsOf(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, plain]) => (single ?? double ?? plain) as string,
  );
}
