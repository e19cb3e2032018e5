/**
 * The outlines of the drawn shapes: which points of the plane lie within each. Not here: where and
 * how they are drawn (./shape-picture.ts).
 *
 * Points are (x, y) with the shape in the circle of radius 1 around 0. `build` in [0, 1) varies the
 * shape within its class: how thick a stroke is, or whether the shape is hollow. Only additions,
 * products and comparisons of float64 decide, so a point is within a shape on every machine or on
 * none.
 */

export interface Glyph {
  readonly name: string;
  inside(x: number, y: number, build: number): boolean;
}

const square = (x: number, y: number) => Math.abs(x) <= 0.7 && Math.abs(y) <= 0.7;

/** cos and sin of 120 degrees, and of 72 and 144: rounded, because any nearby shape will do. */
const [C120, S120] = [-0.5, 0.866025];
const [C72, S72, C144, S144] = [0.309017, 0.951057, -0.809017, 0.587785];

/** Within all three sides, which are 0.5 from the centre. */
const triangle = (x: number, y: number) =>
  y <= 0.5 && C120 * y + S120 * x <= 0.5 && C120 * y - S120 * x <= 0.5;

/** A star's five sides, extended, are lines; the star is what lies within four of them or more. */
function star(x: number, y: number): boolean {
  const within =
    Number(y <= C72) +
    Number(C72 * y + S72 * x <= C72) +
    Number(C72 * y - S72 * x <= C72) +
    Number(C144 * y + S144 * x <= C72) +
    Number(C144 * y - S144 * x <= C72);
  return within >= 4;
}

/** Half of the shapes are hollow. */
const hollow = (shape: (x: number, y: number) => boolean, share: number): Glyph['inside'] => {
  return (x, y, build) => shape(x, y) && !(build < 0.5 && shape(x / share, y / share));
};

export const GLYPHS: readonly Glyph[] = [
  { name: 'disc', inside: (x, y) => x * x + y * y <= 0.64 },
  {
    name: 'ring',
    inside(x, y, build) {
      const [square, hole] = [x * x + y * y, 0.45 + 0.2 * build];
      return square <= 0.81 && square >= hole * hole;
    },
  },
  { name: 'square', inside: hollow(square, 0.55) },
  { name: 'triangle', inside: hollow(triangle, 0.5) },
  {
    name: 'cross',
    inside(x, y, build) {
      const [a, b, half] = [Math.abs(x), Math.abs(y), 0.18 + 0.12 * build];
      return (a <= half && b <= 0.9) || (b <= half && a <= 0.9);
    },
  },
  { name: 'star', inside: star },
  {
    name: 'crescent',
    inside(x, y, build) {
      const away = x - (0.45 + 0.15 * build);
      return x * x + y * y <= 0.81 && away * away + y * y > 0.49;
    },
  },
  {
    name: 'bars',
    inside(x, y, build) {
      const off = Math.abs(y) - 0.5;
      return Math.abs(x) <= 0.68 && Math.abs(off) <= 0.15 + 0.08 * build;
    },
  },
];
