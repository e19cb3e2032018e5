/**
 * Pixels to the numbers a network was trained on: colour, scale, normalization, layout. Not here:
 * resizing (picture.ts).
 *
 *   x = (pixel * scale - mean[c]) / std[c]
 *   x = clip(floor(x / step + 0.5) * step, min, max)    then, with `quantize`
 *
 * pixel * scale is computed in float64 and rounded to float32 once (so that scale = 1/255 gives
 * what pixel / 255 gives); the subtraction and the division are float32, as training frameworks do
 * them; `quantize` is float64. A pixel has 256 values, so the result is looked up in a table for
 * each channel. These choices reproduce the shipped inputs of the published networks to the bit.
 */
import { expectedWord } from '../core/checks.js';
import { type BitplaneError, expected } from '../core/errors.js';
import { Tensor } from '../tensor/tensor.js';

/** The axes of an input: channels first, channels last, or all in one row. */
export type Layout = 'NCHW' | 'NHWC' | 'flat';
/** How sizes and places become whole pixels: see `Preprocess.rounding`. */
export type Rounding = 'nearest' | 'torchvision';
/** The channels of an input and their order. */
export type Color = 'rgb' | 'gray' | 'bgr';

/**
 * How pixels become the numbers of a network's input: colour, scale, normalization, layout, size.
 */
export interface Preprocess {
  /** `flat` is [N, C*H*W], the channels' planes one after another. */
  readonly layout: Layout;
  /** The channels and their order. */
  readonly color: Color;
  /** Each pixel, 0 to 255, is multiplied by it first. */
  readonly scale: number;
  /** One value for all channels, or one a channel, in the order of `color`. */
  readonly mean: readonly number[];
  /** Divided by, after the mean was subtracted: one value, or one a channel. */
  readonly std: readonly number[];
  /** Rounding to multiples of `step`, half up, and clipping; absent: none. */
  readonly quantize?:
    | {
        readonly step: number;
        readonly min: number;
        readonly max: number;
        readonly round: 'half-up';
      }
    | undefined;
  /** For pictures of any size: length of the shorter side after resizing. */
  readonly resize?: number | undefined;
  /** For pictures of any size: side of the square cut from the centre. */
  readonly crop?: number | undefined;
  /**
   * For pictures of any size: how sizes and places become whole pixels. 'nearest' (default), as the
   * inputs of the published networks were made; 'torchvision', as its Resize and CenterCrop (see
   * ./picture.ts). They differ by a pixel.
   */
  readonly rounding?: Rounding | undefined;
}

const fround = Math.fround;

/**
 * Applies `preprocess` to bytes [N, height, width, channels] (channels 1 or 3). The result is [N,
 * C, H, W], [N, H, W, C] or [N, C*H*W]. Gray becomes rgb by repetition, rgb becomes gray by the
 * luma weights of ITU-R BT.601.
 */
export function preprocessPixels(
  pixels: Uint8Array,
  picture: readonly [number, number, number],
  preprocess: Preprocess,
): Tensor<'f32'> {
  const [height, width, stored] = picture;
  const plane = height * width;
  const count = pixels.length / (plane * stored);
  if (!Number.isInteger(count))
    throw expected(
      'ERR_SHAPE',
      `whole pictures of ${plane * stored} bytes`,
      `${pixels.length} bytes`,
      { op: 'preprocess' },
    );

  const { layout, color } = preprocess;
  const channels = channelsOf(color);
  const source = channels === 1 && stored === 3 ? toGray(pixels) : pixels;
  const step = source === pixels ? stored : 1;
  const out = new Float32Array(count * channels * plane);
  for (let c = 0; c < channels; c++) {
    const table = pixelLevels(preprocess, c);
    const from = step === 1 ? 0 : color === 'bgr' ? 2 - c : c;
    const [start, stride] = layout === 'NHWC' ? [c, channels] : [c * plane, 1];
    for (let n = 0; n < count; n++) {
      const read = n * plane * step + from;
      const write = n * plane * channels + start;
      for (let i = 0; i < plane; i++)
        out[write + i * stride] = table[source[read + i * step] as number] as number;
    }
  }
  if (layout === 'flat') return new Tensor('f32', out, [count, channels * plane]);
  return new Tensor(
    'f32',
    out,
    layout === 'NCHW' ? [count, channels, height, width] : [count, height, width, channels],
  );
}

export function channelsOf(color: Color): 1 | 3 {
  return color === 'gray' ? 1 : 3;
}

/** x for each of the 256 pixel values of a channel. */
export function pixelLevels(
  { scale, mean, std, quantize }: Preprocess,
  channel: number,
): Float32Array {
  const shift = fround((mean[channel] ?? mean[0]) as number);
  const spread = fround((std[channel] ?? std[0]) as number);
  return Float32Array.from({ length: 256 }, (_, pixel) => {
    const x = fround(fround(fround(pixel * scale) - shift) / spread);
    if (quantize === undefined) return x;
    return Math.min(
      quantize.max,
      Math.max(quantize.min, Math.floor(x / quantize.step + 0.5) * quantize.step),
    );
  });
}

/** 0.299 r + 0.587 g + 0.114 b in 16-bit fixed point, rounded. */
function toGray(rgb: Uint8Array): Uint8Array {
  const gray = new Uint8Array(rgb.length / 3);
  for (let i = 0; i < gray.length; i++) {
    const sum =
      19595 * (rgb[3 * i] as number) +
      38470 * (rgb[3 * i + 1] as number) +
      7471 * (rgb[3 * i + 2] as number);
    gray[i] = (sum + 0x8000) >> 16;
  }
  return gray;
}

/**
 * Checks a preprocessing object from a JSON file. `file` names it in errors.
 * @throws BitplaneError ERR_FORMAT naming the field
 */
export function parsePreprocess(json: unknown, file: string): Preprocess {
  if (json === null || typeof json !== 'object' || Array.isArray(json))
    throw fieldError(file, 'preprocess', 'an object', json);
  const object = json as Record<string, unknown>;
  const unknown = Object.keys(object).find((key) => !FIELDS.has(key));
  if (unknown !== undefined)
    throw wordError(file, unknown, `one of the fields ${[...FIELDS].join(', ')}`, unknown, [
      ...FIELDS,
    ]);

  const layout = oneOf(object.layout, ['NCHW', 'NHWC', 'flat'] as const, file, 'layout');
  const color = oneOf(object.color, ['rgb', 'gray', 'bgr'] as const, file, 'color');
  const channels = channelsOf(color);
  const std = perChannel(object.std ?? [1], channels, file, 'std');
  if (std.includes(0)) throw fieldError(file, 'std', 'values other than 0', object.std);
  return {
    layout,
    color,
    scale: finite(object.scale ?? 1, file, 'scale'),
    mean: perChannel(object.mean ?? [0], channels, file, 'mean'),
    std,
    quantize: object.quantize === undefined ? undefined : parseQuantize(object.quantize, file),
    resize: pixelSize(object.resize, file, 'resize'),
    crop: pixelSize(object.crop, file, 'crop'),
    rounding:
      object.rounding === undefined
        ? undefined
        : oneOf(object.rounding, ['nearest', 'torchvision'] as const, file, 'rounding'),
  };
}

const FIELDS = new Set([
  'layout',
  'color',
  'scale',
  'mean',
  'std',
  'quantize',
  'resize',
  'crop',
  'rounding',
]);

function parseQuantize(json: unknown, file: string): NonNullable<Preprocess['quantize']> {
  if (json === null || typeof json !== 'object')
    throw fieldError(file, 'quantize', 'an object', json);
  const object = json as Record<string, unknown>;
  const step = finite(object.step, file, 'quantize.step');
  if (step <= 0) throw fieldError(file, 'quantize.step', 'a number above 0', step);
  const min = finite(object.min, file, 'quantize.min');
  const max = finite(object.max, file, 'quantize.max');
  if (max < min) throw fieldError(file, 'quantize.max', `at least min, ${min}`, max);
  return {
    step,
    min,
    max,
    round: oneOf(object.round ?? 'half-up', ['half-up'] as const, file, 'quantize.round'),
  };
}

function fieldError(file: string, field: string, what: string, received: unknown): BitplaneError {
  return expected('ERR_FORMAT', what, received, { op: field, node: file });
}

/** `fieldError` that tells a misspelt word from which it probably is. */
function wordError(
  file: string,
  field: string,
  what: string,
  received: unknown,
  known: readonly string[],
): BitplaneError {
  return expectedWord('ERR_FORMAT', what, received, known, { op: field, node: file });
}

function oneOf<const T extends string>(
  value: unknown,
  choices: readonly T[],
  file: string,
  field: string,
): T {
  if (!choices.includes(value as T))
    throw wordError(file, field, choices.join(' or '), value, choices);
  return value as T;
}

function finite(value: unknown, file: string, field: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw fieldError(file, field, 'a finite number', value);
  return value;
}

function pixelSize(value: unknown, file: string, field: string): number | undefined {
  if (value === undefined) return undefined;
  if (!Number.isInteger(value) || (value as number) < 1)
    throw fieldError(file, field, 'a whole number of pixels', value);
  return value as number;
}

function perChannel(value: unknown, channels: number, file: string, field: string): number[] {
  const list = Array.isArray(value) ? value : [value];
  if (list.length !== 1 && list.length !== channels)
    throw fieldError(
      file,
      field,
      channels === 1
        ? 'one number, because color is gray,'
        : `one number, or ${channels}, one a channel,`,
      value,
    );
  return list.map((item) => finite(item, file, field));
}
