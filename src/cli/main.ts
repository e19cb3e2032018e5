#!/usr/bin/env node
/** The executable `bitplane`. Not here: the commands (program.ts). */
import { main } from './program.js';

// `bitplane ... | head` closes the pipe early; that is no error of ours. A full disk is one.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`bitplane: the output could not be written (${error.message})\n`);
  process.exit(1);
});

void main(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  // Opening it would keep a command that reads none waiting for its end.
  get stdin() {
    return process.stdin;
  },
  env: process.env,
}).then((code) => {
  process.exitCode = code;
});
