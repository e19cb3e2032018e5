/** Work that takes long, for programs that end in the middle of it. Not here: their endings. */
import { GraphBuilder, Session, Tensor } from 'bitplane';

export const FEEDS = { x: new Float32Array(56 * 56 * 64).fill(1) };

/** A session of so many layers, each 115 million multiply-accumulates in scalar code. */
export function slowSession(layers) {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [1, 56, 56, 64]);
  const w = g.constant(new Tensor('f32', new Float32Array(64 * 9 * 64).fill(1e-3), [64, 3, 3, 64]));
  let y = x;
  for (let i = 0; i < layers; i++) y = g.conv2d(y, w, { pads: [1, 1, 1, 1] });
  return Session.fromGraph(g.graph([x], { y }), { isa: 'scalar', threads: 2, optimize: false });
}
