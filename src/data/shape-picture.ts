/**
 * Draws one picture of a shape: its place, size, turn, colours, background and noise come from a
 * stream of random numbers. Not here: the shapes (./shape-glyphs.ts), the set (./shapes.ts).
 *
 * Every byte follows from float64 additions, products and comparisons, which are the same on all
 * machines. Cosines are not, in their last bit: directions are rounded to 1/4096 of a unit.
 */
import type { Random } from './augment/augmentation.js';
import { GLYPHS, type Glyph } from './shape-glyphs.js';

/** Pictures are [SIDE, SIDE, 3]. */
export const SIDE = 24;

/** A pixel of an edge is the average of GRID x GRID points. */
const GRID = 2;
const DIRECTIONS = 64;
/** A shape leans at most this far to either side. */
const LEAN = 6;
const COSINE = Array.from(
  { length: DIRECTIONS },
  (_, k) => Math.round(Math.cos((2 * Math.PI * k) / DIRECTIONS) * 4096) / 4096,
);
const cosine = (k: number) => COSINE[k % DIRECTIONS] as number;
const sine = (k: number) => cosine(k + (3 * DIRECTIONS) / 4);

type Colour = readonly [red: number, green: number, blue: number];

interface Placed {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  /** In 64ths of a turn. */
  readonly turn: number;
  readonly build: number;
  readonly colour: Colour;
  /** 1 hides what is below. */
  readonly opacity: number;
}

/** Writes a picture of `glyph` into bytes [SIDE, SIDE, 3]. */
export function drawShape(out: Uint8Array, glyph: Glyph, random: Random): void {
  const between = (low: number, high: number) => low + (high - low) * random();
  const whole = (end: number) => Math.floor(random() * end);
  const tinted = (level: number): Colour => [
    level + between(-30, 30),
    level + between(-30, 30),
    level + between(-30, 30),
  ];
  const dark = between(20, 110);
  const bright = dark + between(90, 130);
  const inverted = random() < 0.5;
  const canvas = background(
    tinted(inverted ? bright : dark),
    between(-2.5, 2.5),
    whole(DIRECTIONS),
  );

  // Specks of any colour, which a shape may cover.
  for (let left = whole(4); left > 0; left--) {
    paint(canvas, GLYPHS[whole(GLYPHS.length)] as Glyph, {
      x: between(0, SIDE),
      y: between(0, SIDE),
      radius: between(1.5, 3),
      turn: whole(DIRECTIONS),
      build: random(),
      colour: tinted(between(30, 220)),
      opacity: between(0.3, 0.6),
    });
  }
  const radius = between(7, 10);
  const room = SIDE / 2 - 0.85 * radius;
  paint(canvas, glyph, {
    x: SIDE / 2 + between(-room, room),
    y: SIDE / 2 + between(-room, room),
    radius,
    turn: DIRECTIONS + whole(2 * LEAN + 1) - LEAN,
    build: random(),
    colour: tinted(inverted ? dark : bright),
    opacity: between(0.8, 1),
  });
  addNoise(out, canvas, between(0.1, 0.6), random);
}

/** A colour that changes by `slope` a pixel in one direction. */
function background(colour: Colour, slope: number, direction: number): Float64Array {
  const canvas = new Float64Array(SIDE * SIDE * 3);
  const [dx, dy] = [slope * cosine(direction), slope * sine(direction)];
  for (let row = 0, at = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      const light = (column - SIDE / 2) * dx + (row - SIDE / 2) * dy;
      for (let c = 0; c < 3; c++) canvas[at++] = (colour[c] as number) + light;
    }
  }
  return canvas;
}

function paint(canvas: Float64Array, glyph: Glyph, placed: Placed): void {
  const { x, y, radius, turn, build, colour, opacity } = placed;
  const [ux, uy] = [cosine(turn) / radius, sine(turn) / radius];
  const from = (centre: number) => Math.max(0, Math.floor(centre - radius));
  const to = (centre: number) => Math.min(SIDE, Math.ceil(centre + radius));
  for (let row = from(y); row < to(y); row++) {
    for (let column = from(x); column < to(x); column++) {
      let points = 0;
      for (let i = 0; i < GRID; i++) {
        const dy = row + (i + 0.5) / GRID - y;
        for (let j = 0; j < GRID; j++) {
          const dx = column + (j + 0.5) / GRID - x;
          if (glyph.inside(dx * ux + dy * uy, dy * ux - dx * uy, build)) points++;
        }
      }
      if (points === 0) continue;
      const share = (opacity * points) / (GRID * GRID);
      const at = (row * SIDE + column) * 3;
      for (let c = 0; c < 3; c++) {
        const below = canvas[at + c] as number;
        canvas[at + c] = below + share * ((colour[c] as number) - below);
      }
    }
  }
}

/**
 * The canvas as bytes, with noise of at most 31 levels times `strength`: the sum of two numbers of
 * five bits a channel, six of them from one random number of 32 bits.
 */
function addNoise(out: Uint8Array, canvas: Float64Array, strength: number, random: Random): void {
  for (let at = 0; at < canvas.length; at += 3) {
    let bits = random() * 2 ** 32;
    for (let c = 0; c < 3; c++) {
      const noise = (bits & 31) + ((bits >>> 5) & 31) - 31;
      bits = bits >>> 10;
      const level = Math.floor((canvas[at + c] as number) + strength * noise + 0.5);
      out[at + c] = Math.max(0, Math.min(255, level));
    }
  }
}
