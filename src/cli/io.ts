/**
 * Where a command reads its surroundings and writes: injected, so that tests run commands in process.
 */

export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

export interface Io {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Prints the one JSON document of a command. */
export function printJson(io: Io, document: unknown): void {
  io.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

export function printLines(io: Io, ...lines: readonly string[]): void {
  for (const line of lines) io.stdout.write(`${line}\n`);
}
