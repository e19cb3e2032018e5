import { expect, test } from 'vitest';
import { GraphBuilder } from '../../src/ops/builder.js';
import { print } from '../../src/ops/print.js';
import { b1, f32, i32 } from './nodes.js';

test('prints one line a value, after the values that it reads', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 14, 14, 8]);
  const w = g.constant(b1(new Array(8 * 9 * 8).fill(1), [8, 3, 3, 8]), { name: 'w' });
  const scale = g.constant(f32([0.1, -2, Number.NaN, 1e-7], [4]), { name: 'scale' });
  const t = g.constant(i32([-3, 5], [2]), { name: 't' });
  const bits = g.constant(b1([-1, 1, 1], [3]), { name: 'bits' });
  const y = g.conv2d(g.sign(x), w, { pads: [1, 1, 1, 1], padValue: 1, name: 'conv1' });
  const clipped = g.clip(g.cast(y, 'f32'), 0, Number.POSITIVE_INFINITY);
  const attrs = 'strides:[1,1], pads:[1,1,1,1], dilations:[1,1], groups:1, padValue:1';
  expect(print(g.graph([x], { y: clipped, scale, t, bits }))).toBe(
    `%x: f32[N,14,14,8] = input
%sign_1: b1[N,14,14,8] = sign(%x)
%w: b1[8,3,3,8] = constant {576 elements, 72 bytes}
%conv1: i32[N,14,14,8] = conv2d(%sign_1, %w) {${attrs}}
%cast_1: f32[N,14,14,8] = cast(%conv1) {to:f32}
%clip_1: f32[N,14,14,8] = clip(%cast_1) {min:0, max:Infinity}
%scale: f32[4] = constant [0.1, -2, NaN, 1e-7]
%t: i32[2] = constant [-3, 5]
%bits: b1[3] = constant [-1, 1, 1]
return {y: %clip_1, scale: %scale, t: %t, bits: %bits}
`,
  );
});
