/**
 * The same model in onnxruntime, whose packages the user installs, onnxruntime-node or the
 * WebAssembly of onnxruntime-web: what `bench --vs` and `check` compare with. Not here: how times
 * or numbers are compared.
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { BitplaneError } from '../core/errors.js';
import { readBytes } from '../data/files.js';
import { fromHalves, toHalves } from '../formats/onnx/half.js';
import type { Tensors } from '../runtime/run-rows.js';
import { Tensor } from '../tensor/tensor.js';
import { ENGINES, type EngineName } from './engines.js';

export interface OpenOptions {
  /** Default: onnxruntime. */
  readonly engine?: EngineName;
  /** The command, and what it needs onnxruntime for. */
  readonly op: string;
  readonly need: string;
  readonly threads: number;
  /** False runs the file as it is written, node by node. */
  readonly optimize: boolean;
}

/** Its feeds, made once for many runs. */
export type Prepared = Readonly<Record<string, OrtTensor>>;

/** A result of its own. */
export interface Numbers {
  readonly type: string;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** What arrays of its types hold. */
const ARRAYS: Readonly<Record<string, (data: ArrayLike<number>) => NodeJS.TypedArray>> = {
  float32: (data) => Float32Array.from(data),
  float16: (data) => toHalves(Float32Array.from(data)),
  float64: (data) => Float64Array.from(data),
  int8: (data) => Int8Array.from(data),
  uint8: (data) => Uint8Array.from(data),
  bool: (data) => Uint8Array.from(data),
  int16: (data) => Int16Array.from(data),
  uint16: (data) => Uint16Array.from(data),
  int32: (data) => Int32Array.from(data),
  uint32: (data) => Uint32Array.from(data),
  int64: (data) => BigInt64Array.from(Array.from(data, BigInt)),
  uint64: (data) => BigUint64Array.from(Array.from(data, BigInt)),
};

export class Onnxruntime {
  private constructor(
    private readonly ort: typeof import('onnxruntime-node'),
    private readonly session: InferenceSession,
    private readonly op: string,
    private readonly engine: EngineName,
  ) {}

  /**
   * No threads beside `threads`; a gzipped file is inflated.
   * @throws BitplaneError ERR_UNSUPPORTED where its package is not installed or cannot load the
   * model, as with QONNX ops
   */
  static async open(
    model: string,
    { engine = 'onnxruntime', op, need, threads, optimize }: OpenOptions,
  ): Promise<Onnxruntime> {
    const ort = await loadOnnxruntime(engine, need);
    const isWeb = engine === 'onnxruntime-web';
    // Of the process, and read when its first session is made.
    if (isWeb) ort.env.wasm.numThreads = threads;
    try {
      const source = isWeb ? await bytesOf(model) : await inflated(model);
      const session = await ort.InferenceSession.create(source as string, {
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: optimize ? 'all' : 'disabled',
        logSeverityLevel: 4,
      });
      return new Onnxruntime(ort, session, op, engine);
    } catch (cause) {
      if (cause instanceof BitplaneError) throw cause;
      const sentence =
        `${engine} cannot run this model: it takes plain .onnx files of standard ops, no ` +
        `QONNX or safetensors (${firstLine(cause)})`;
      throw new BitplaneError('ERR_UNSUPPORTED', sentence, { op, node: model, cause });
    }
  }

  get name(): string {
    const { node, web } = this.ort.env.versions;
    const version = this.engine === 'onnxruntime' ? node : web;
    return `${ENGINES[this.engine]} ${version ?? ''}`.trim();
  }

  /** Whether an input or output has such a type. */
  has(type: string): boolean {
    const { inputMetadata, outputMetadata } = this.session;
    return [...inputMetadata, ...outputMetadata].some((one) => one.isTensor && one.type === type);
  }

  /** The feeds as its types hold them: halves rounded, truth values 0 and 1. */
  suited(feeds: Tensors): Tensors {
    return Object.fromEntries(
      Object.entries(feeds).map(([name, feed]) => {
        const type = this.typeOf(name, feed);
        if (type === 'float16')
          return [
            name,
            new Tensor('f32', fromHalves(toHalves(feed.data as Float32Array)), feed.shape),
          ];
        if (type !== 'bool') return [name, feed];
        const truth = (feed.data as Uint8Array).map((value) => value & 1);
        return [name, new Tensor(feed.dtype, truth as never, feed.shape)];
      }),
    );
  }

  /** @throws BitplaneError ERR_UNSUPPORTED for an input of a type that it takes no arrays of */
  prepare(feeds: Tensors): Prepared {
    return Object.fromEntries(
      Object.entries(feeds).map(([name, feed]) => {
        const type = this.typeOf(name, feed);
        const array = ARRAYS[type];
        if (array === undefined)
          throw new BitplaneError('ERR_UNSUPPORTED', `onnxruntime takes no ${type} inputs here`, {
            op: this.op,
            node: name,
          });
        return [
          name,
          new this.ort.Tensor(type as 'float32', array(feed.data) as never, feed.shape),
        ];
      }),
    );
  }

  /** @throws BitplaneError ERR_UNSUPPORTED where onnxruntime fails */
  async run(feeds: Prepared): Promise<InferenceSession.OnnxValueMapType> {
    try {
      return await this.session.run(feeds);
    } catch (cause) {
      const sentence = `onnxruntime cannot run this input (${firstLine(cause)})`;
      throw new BitplaneError('ERR_UNSUPPORTED', sentence, { op: this.op, cause });
    }
  }

  async release(): Promise<void> {
    await this.session.release();
  }

  private typeOf(name: string, feed: Tensor): string {
    const own = this.session.inputMetadata.find((input) => input.name === name);
    return own?.isTensor === true ? own.type : feed.dtype;
  }
}

/** The numbers of one of its results. */
export function numbersOf({ type, dims, data }: OrtTensor): Numbers {
  const shape = dims as readonly number[];
  if (type === 'float16') return { type, shape, data: fromHalves(data as unknown as Uint16Array) };
  if (data instanceof BigInt64Array || data instanceof BigUint64Array)
    return { type, shape, data: Array.from(data as BigInt64Array, Number) };
  return { type, shape, data: data as Float32Array };
}

async function loadOnnxruntime(
  engine: EngineName,
  need: string,
): Promise<typeof import('onnxruntime-node')> {
  const name = ENGINES[engine];
  try {
    // Both packages have one interface. A bundle must not look for the second.
    return engine === 'onnxruntime'
      ? await import('onnxruntime-node')
      : ((await import(name)) as typeof import('onnxruntime-node'));
  } catch (cause) {
    throw new BitplaneError(
      'ERR_UNSUPPORTED',
      `${need} needs the package ${name}: npm install ${name}`,
      { cause },
    );
  }
}

/** The path, beside which other files of the model may lie; the bytes of a gzipped file. */
async function inflated(model: string): Promise<string | Uint8Array> {
  return /\.gz$/i.test(model) ? promisify(gunzip)(await readBytes(model)) : model;
}

async function bytesOf(model: string): Promise<Uint8Array> {
  const source = await inflated(model);
  return typeof source === 'string' ? new Uint8Array(await readBytes(source)) : source;
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0] as string;
}
