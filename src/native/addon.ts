/**
 * Finds and loads the native addon, once, and gives it types. Not here: what is done with it
 * (src/runtime).
 */
import { existsSync } from 'node:fs';
import nodeModule from 'node:module';
import { BitplaneError } from '../core/errors.js';
import { cutShort } from './elf.js';
import { describeHost, refusal } from './host.js';
import { candidates, packageRoot } from './locate.js';

/** The bytes of a constant that lie elsewhere, fetched a part at a time when they are needed. */
export interface ConstantReader {
  readonly byteLength: number;
  /**
   * Some of the bytes from `from` on, at least one; the addon copies them before the next call. An
   * exception ends the building of the program with the same exception.
   */
  read(from: number): Uint8Array;
}

export type NativeConstant = NodeJS.TypedArray | ConstantReader;

/** Constants of a session; number i of those given is constant i. */
export interface NativeConstants {
  readonly packedBytes: number;
  /** Appends more constants. */
  extend(constants: readonly NativeConstant[]): void;
  /**
   * Fetches a further part of a constant's bytes, for the program that packs them next; true when
   * all are there, or a kernel has packed them. Throws what its reader does.
   */
  fetch(constant: number): boolean;
  /** Forgets all of them; programs keep what they use. */
  release(): void;
}

/** Memory that lasts from run to run, zeros at first; number i has the i-th of the given sizes. */
export interface NativeStates {
  write(number: number, bytes: NodeJS.TypedArray): void;
  read(number: number, into: NodeJS.TypedArray): void;
  /** Forgets all of it; programs keep what they use. */
  release(): void;
}

/** A program: see native/program/program.h. */
export interface NativeProgram {
  /** Kernel of every instruction; made anew whenever it is asked for. */
  readonly kernels: string[];
  /**
   * Copies the feeds and queues a run; returns its ticket.
   * @param quietly wakes no sleeping worker, because `runHere` will follow
   * @param callAfterUs when to call `onWake` ahead of the run's end, in microseconds from its
   * beginning; 0 for not at all
   * @param threads how many may share the run, at most those that the program was built for; 0 for
   *   all of them
   */
  start(
    feeds: readonly NodeJS.TypedArray[],
    profile: boolean,
    quietly: boolean,
    callAfterUs: number,
    threads: number,
  ): number;
  /** Copies the results of a drained run; nanoseconds of every instruction if it was profiled. */
  finish(ticket: number, targets: readonly NodeJS.TypedArray[] | null): Float64Array | undefined;
  /**
   * Stops a run between two steps, unless it has come to those that change states; one that no
   * worker has begun ends at once, and is drained like any other.
   */
  abort(ticket: number): void;
  /** Bytes of one run's memory: arena, scratch of every thread, addresses. */
  readonly contextBytes: number;
  /** Bytes of the tables that its instructions keep, packed weights apart. */
  readonly tableBytes: number;
  /** Frees the memory of runs beyond that of `keep` of them; what runs in flight use stays. */
  trim(keep: number): void;
  release(): void;
}

/** A field of an instruction: see native/program/opcodes.h. */
export interface NativeField {
  readonly name: string;
  /** From `in` on the field holds the number of a buffer. */
  readonly kind: 'size' | 'number' | 'in' | 'out' | 'weights' | 'constant';
  /** The buffer may be absent: -1. */
  readonly optional: boolean;
  /** Of a buffer's elements; absent where other fields decide it. */
  readonly dtype?: string;
}

export type Bound = 'popcount' | 'fma' | 'bytes' | 'narrow' | 'stream';

export interface NativeAddon {
  readonly Constants: new (constants: readonly NativeConstant[]) => NativeConstants;
  readonly Program: new (
    constants: NativeConstants,
    code: Int32Array,
    buffers: Float64Array,
    /**
     * At most six arguments: for more the addon would need memory before it can say that there is
     * none.
     */
    run: {
      readonly arenaBytes: number;
      readonly isa: string;
      /** Features that are forced off, by their places in `features`, as bits; 0 unless given. */
      readonly without?: number;
      readonly threads: number;
      /** What buffers of states number. */
      readonly states?: NativeStates | undefined;
      /** The first instruction that a run ends although it is aborted. */
      readonly commit?: number | undefined;
    },
    inputs: readonly number[],
    outputs: readonly number[],
  ) => NativeProgram;
  readonly States: new (sizes: readonly number[]) => NativeStates;
  /**
   * Bytes of what the instruction `pack` of these fields makes; 0 where no kernel takes such
   * weights.
   */
  packedBytes(fields: Int32Array, isa: string, without: number, threads: number): number;
  readonly opcodes: readonly { readonly name: string; readonly fields: readonly NativeField[] }[];
  readonly epilogueOps: readonly string[];
  readonly isas: Readonly<Record<string, boolean>>;
  /** What CPUs have beside an instruction set, and the instruction sets here that have it. */
  readonly features: readonly { readonly name: string; readonly isas: readonly string[] }[];
  readonly bestIsa: string;
  /**
   * The bound of one core, measured now: of an ISA in MAC/s, without the features that are forced
   * off, 'popcount', 'fma', 'bytes' (products of 8-bit integers) and 'narrow' (of so few bits that
   * their sums fit 16); 'stream' in bytes/s of a copy over that many bytes.
   */
  bound(kind: Bound, of: string, without: number): number;
  /** Ticket, nanoseconds, and 1 where it was stopped, of every run that has ended. */
  drain(): number[];
  park(): boolean;
  /** Runs on this thread a run that no worker has begun. */
  runHere(ticket: number): void;
  /**
   * The function that a finished run calls while JavaScript sleeps, and how many threads can run at
   * once here; before the first run.
   */
  onWake(callback: () => void, cores: number): void;
}

/** How loading went, for `bitplane doctor`. */
export interface NativeInfo {
  readonly addon: NativeAddon | undefined;
  readonly path: string | undefined;
  /** Every path that was tried, with what happened there. */
  readonly tried: readonly { readonly path: string; readonly problem: string | undefined }[];
  /** Why this process may load no file at all; it completes the line `To do:`. */
  readonly forbidden?: string | undefined;
}

let info: NativeInfo | undefined;

/** Loads the addon if it is not loaded yet; never throws. */
export function nativeInfo(): NativeInfo {
  info ??= load();
  return info;
}

/**
 * The addon.
 * @throws BitplaneError ERR_NATIVE with this machine, the paths tried and what to do
 */
export function addon(): NativeAddon {
  const { addon: loaded, tried, forbidden } = nativeInfo();
  if (loaded !== undefined) return loaded;
  const attempts = tried.map(({ path, problem }) => `${path} (${problem})`).join(', ');
  throw new BitplaneError(
    'ERR_NATIVE',
    'no native addon could be loaded for ' +
      `${describeHost()}; tried ${attempts}; ${remedy(forbidden)}`,
  );
}

/** What a person can do where no addon loads. */
export function remedy(forbidden: string | undefined): string {
  if (forbidden !== undefined) return forbidden;
  if (process.env.BITPLANE_BINARY)
    return 'BITPLANE_BINARY names the only file tried: correct or unset it';
  const root = packageRoot();
  return root === undefined
    ? "copy the package's prebuilt file beside the bundle as bitplane.node, or name one in " +
        'BITPLANE_BINARY'
    : `build one with \`npm run build:native\` in ` +
        `${root} (needs CMake and a C++17 compiler), or name one in BITPLANE_BINARY`;
}

function load(): NativeInfo {
  const tried: { path: string; problem: string | undefined }[] = [];
  const refused = refusal();
  let forbidden = refused && 'run it with Node';
  for (const path of candidates()) {
    let problem: string | undefined = 'no such file';
    if (existsSync(path)) {
      try {
        problem = refused ?? cutShort(path);
        if (problem === undefined) {
          // Not `import { createRequire }`: webpack replaces that import and resolves the path at
          // bundling.
          const loaded = nodeModule.createRequire(path)(path) as NativeAddon;
          tried.push({ path, problem: undefined });
          return { addon: loaded, path, tried };
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ERR_DLOPEN_DISABLED')
          forbidden =
            'start Node without --no-addons, or with --allow-addons where --permission is on';
        problem = String((error as Error).message ?? error).split('\n')[0];
      }
    }
    tried.push({ path, problem });
  }
  return { addon: undefined, path: undefined, tried, forbidden };
}
