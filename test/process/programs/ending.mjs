/**
 * `node ending.mjs CASE DELAY`: begins seconds of work and ends DELAY milliseconds later, as the
 * case says; "now" goes out just before.
 */
import { writeSync } from 'node:fs';
import { FEEDS, slowSession } from './slow.mjs';

const [, , what, delay] = process.argv;

const now = () => writeSync(1, 'now\n');
const ENDINGS = {
  /** Nothing runs any more: the process ends by itself, though a session is open. */
  async open() {
    await slowSession(1).run(FEEDS);
    now();
  },
  /** The run is all that keeps the process alive. */
  flight() {
    void slowSession(2)
      .run(FEEDS)
      .then(() => writeSync(1, 'landed\n'));
    now();
  },
  exit: () => later(() => process.exit(7)),
  error: () =>
    later(() => {
      throw new Error('uncaught');
    }),
  rejection: () => later(() => Promise.reject(new Error('uncaught'))),
  /** The parent sends SIGTERM. */
  signal: () => later(() => {}),
  handled() {
    process.on('SIGTERM', () => process.exit(9));
    later(() => {});
  },
};

/** Two runs, so that one waits or both compete for the threads. */
function later(act) {
  const session = slowSession(300);
  for (let i = 0; i < 2; i++) void session.run(FEEDS);
  setTimeout(() => {
    now();
    act();
  }, Number(delay));
}

ENDINGS[what]();
