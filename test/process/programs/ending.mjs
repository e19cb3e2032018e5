/**
 * `node ending.mjs CASE DELAY`: begins seconds of work and ends DELAY milliseconds later, as the case says; "now" goes out just before.
 */
import { writeSync } from 'node:fs';
import { GraphBuilder, Session, Tensor } from 'bitplane';

const [, , what, delay] = process.argv;
const FEEDS = { x: new Float32Array(56 * 56 * 64).fill(1) };

/** 115 million multiply-accumulates a layer, in scalar code. */
function work(layers) {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [1, 56, 56, 64]);
  const w = g.constant(new Tensor('f32', new Float32Array(64 * 9 * 64).fill(1e-3), [64, 3, 3, 64]));
  let y = x;
  for (let i = 0; i < layers; i++) y = g.conv2d(y, w, { pads: [1, 1, 1, 1] });
  return Session.fromGraph(g.graph([x], { y }), { isa: 'scalar', threads: 2, optimize: false });
}

const now = () => writeSync(1, 'now\n');
const ENDINGS = {
  /** Nothing runs any more: the process ends by itself, though a session is open. */
  async open() {
    await work(1).run(FEEDS);
    now();
  },
  /** The run is all that keeps the process alive. */
  flight() {
    void work(2)
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
  const session = work(300);
  for (let i = 0; i < 2; i++) void session.run(FEEDS);
  setTimeout(() => {
    now();
    act();
  }, Number(delay));
}

ENDINGS[what]();
