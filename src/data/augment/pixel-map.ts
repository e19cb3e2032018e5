/**
 * Where the pixels of a moved picture come from. Rows and columns move apart from each other, so a
 * map is two short lists, and any number of crops and flips costs one pass over the pixels.
 * Not here: which moves there are.
 *
 *   y[i, j] = x[rows[i], columns[j]], or black where either is -1
 */

export interface PixelMap {
  /** [H] */
  readonly rows: Int32Array;
  /** [W] */
  readonly columns: Int32Array;
}

/** What stands for pixels outside a picture: zeros, or its mirror image. */
export type Border = 'zero' | 'reflect';

export function pixelMap(height: number, width: number): PixelMap {
  return { rows: new Int32Array(height), columns: new Int32Array(width) };
}

/** Makes y = x. */
export function resetMap({ rows, columns }: PixelMap): void {
  for (let i = 0; i < rows.length; i++) rows[i] = i;
  for (let j = 0; j < columns.length; j++) columns[j] = j;
}

/**
 * Moves one axis by `by` pixels: new[i] = old[i + by]. What comes from outside is black, or the
 * reflection about the pixel at the edge, which is not repeated: -1 is 1, n is n - 2. |by| < n.
 */
export function shiftAxis(axis: Int32Array, by: number, border: Border): void {
  if (by === 0) return;
  const old = axis.slice();
  const last = axis.length - 1;
  for (let i = 0; i <= last; i++) {
    let from = i + by;
    if (border === 'reflect') from = from < 0 ? -from : from > last ? 2 * last - from : from;
    axis[i] = from < 0 || from > last ? -1 : (old[from] as number);
  }
}
