/**
 * A rate that falls where the loss stays: torch's ReduceLROnPlateau, which ZeroQ's release takes.
 * Not here: schedules that know the steps beforehand (src/train).
 */

export interface PlateauOptions {
  /** Steps without a better loss that are borne. Default 100. */
  readonly patience?: number | undefined;
  /** Default 0.1. */
  readonly factor?: number | undefined;
  /** The least rate. Default 1e-4. */
  readonly least?: number | undefined;
}

/** A loss is better where it is below the best one by this share of it. */
const BETTER = 1e-4;

/** A function from each step's loss to the rate of the next one. Arguments are not checked. */
export function plateau(rate: number, options: PlateauOptions = {}): (loss: number) => number {
  const { patience = 100, factor = 0.1, least = 1e-4 } = options;
  let [now, best, borne] = [rate, Infinity, 0];
  return (loss) => {
    if (loss < best * (1 - BETTER)) [best, borne] = [loss, 0];
    else borne++;
    if (borne > patience) [now, borne] = [Math.max(now * factor, least), 0];
    return now;
  };
}
