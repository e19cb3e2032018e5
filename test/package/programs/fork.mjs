/**
 * Loads the package and runs a model, while three children or cluster workers do the same; prints
 * all digests.
 */
import { fork } from 'node:child_process';
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import * as bitplane from 'bitplane';
import { digest } from './digest.mjs';

const child = cluster.isWorker || process.argv[2] === 'child';
const own = await digest(bitplane, 3);
if (child) process.send(own, () => process.exit(0));
else {
  const start = () =>
    process.argv[2] === 'cluster'
      ? cluster.fork()
      : fork(fileURLToPath(import.meta.url), ['child']);
  const answers = [1, 2, 3].map(() => new Promise((resolve) => start().once('message', resolve)));
  const again = await digest(bitplane, 20);
  console.log(
    JSON.stringify([
      own === again ? own : `${own}, then ${again}`,
      ...(await Promise.all(answers)),
    ]),
  );
}
