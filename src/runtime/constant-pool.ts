/**
 * The constants of a session: each once, numbered, found by the tensor that it is made of and by
 * how it is made. Names of nodes do not tell constants apart: passes give them, and two graphs may
 * give one name to different values. Not here: native memory (./compile.ts).
 */
import type { ErrorSite } from '../core/errors.js';
import { overLimit, showBytes } from '../core/limits.js';
import type { NativeConstant } from '../native/addon.js';
import type { Tensor } from '../tensor/tensor.js';

interface Asked {
  readonly key: string;
  readonly make: () => NativeConstant;
  readonly bytes: number;
  readonly site: ErrorSite;
}

export class ConstantPool {
  readonly constants: NativeConstant[] = [];
  /** Bytes that those take. */
  bytes = 0;
  private readonly numbers = new Map<string, number>();
  /** What a program that is being built asks for beyond them. */
  private asked: Asked[] = [];

  /**
   * The number of a constant; `make` is called once it is known that there is room for it.
   * @param from the tensors that it is made of
   * @param derivation how it is made of them
   * @param bytes what it takes
   */
  add(
    from: readonly Tensor[],
    derivation: string,
    make: () => NativeConstant,
    bytes = 0,
    site: ErrorSite = {},
  ): number {
    const key = `${from.map(identity).join()} ${derivation}`;
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    const number = this.constants.length + this.asked.push({ key, make, bytes, site }) - 1;
    this.numbers.set(key, number);
    return number;
  }

  /**
   * Makes what was asked for.
   * @param most bytes that all constants may take
   * @throws BitplaneError ERR_LIMIT
   */
  settle(most: number): void {
    let sum = this.bytes;
    for (const { bytes, site } of this.asked) {
      sum += bytes;
      if (sum <= most) continue;
      const limit = `${showBytes(most)} of weights beside a run`;
      throw overLimit('maxBytes', limit, showBytes(sum), site);
    }
    const made = this.asked.map(({ make }) => make());
    this.asked = [];
    for (const constant of made) this.constants.push(constant);
    this.bytes = sum;
  }

  /** Forgets what was asked for and not made, because no program came of it. */
  forget(): void {
    for (const { key } of this.asked) this.numbers.delete(key);
    this.asked = [];
  }
}

const identities = new WeakMap<Tensor, number>();
let last = 0;

/** A number that no other tensor has. */
function identity(tensor: Tensor): number {
  let number = identities.get(tensor);
  if (number === undefined) {
    number = ++last;
    identities.set(tensor, number);
  }
  return number;
}
