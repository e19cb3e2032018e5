/**
 * The shape of a layer that slides a window over a map, as fields of an instruction. Not here: what
 * the window computes.
 */

/**
 * n pictures of h x w pixels of c channels; kernel, stride, dilation; padding at the top, left,
 * bottom and right.
 */
export interface WindowShape {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly kh: number;
  readonly kw: number;
  readonly sh: number;
  readonly sw: number;
  readonly dh: number;
  readonly dw: number;
  readonly pt: number;
  readonly pl: number;
  readonly pb: number;
  readonly pr: number;
}

/** A 3x3 window with padding on a small map. */
export const SAME_3X3 = {
  ...{ n: 1, h: 6, w: 5, kh: 3, kw: 3, sh: 1, sw: 1, dh: 1, dw: 1 },
  ...{ pt: 1, pl: 1, pb: 1, pr: 1 },
} as const;

/**
 * The fields of an instruction: the shape, the size of the output in place of the padding that
 * follows from it.
 */
export function fieldsOf<S extends WindowShape>({ pb, pr, ...fields }: S) {
  const size = (length: number, kernel: number, stride: number, dilation: number) =>
    Math.floor((length - dilation * (kernel - 1) - 1) / stride) + 1;
  const oh = size(fields.h + fields.pt + pb, fields.kh, fields.sh, fields.dh);
  const ow = size(fields.w + fields.pl + pr, fields.kw, fields.sw, fields.dw);
  return { ...fields, oh, ow };
}
