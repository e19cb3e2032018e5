/**
 * `bitplane convert`: ONNX, QONNX or a network of the zoo to a bitplane safetensors file, optimized, so that binary weights take one bit each.
 */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { expected } from '../core/errors.js';
import { saveModel } from '../formats/safetensors/model.js';
import { mergeAffines, optimize } from '../passes/index.js';
import { bytes } from './format.js';
import { type Io, printJson, printLines } from './io.js';
import { openModel } from './open-model.js';
import type { FileFlags, SignZero } from './options.js';
import { isZooName } from './zoo-name.js';

export interface ConvertFlags extends FileFlags {
  readonly signZero?: SignZero;
  readonly mergeAffines?: boolean;
  readonly json?: boolean;
}

export async function convert(from: string, to: string, flags: ConvertFlags, io: Io): Promise<void> {
  if (!/\.safetensors$/i.test(to)) throw expected('ERR_ARGUMENT', 'OUT to end in .safetensors', to, { op: 'convert' });
  const signZero = flags.signZero ?? 'exact';
  const optimized = optimize(await openModel(from, flags), { signZero });
  // Merged where channels are last, as they are once it is optimized.
  const graph = flags.mergeAffines === true ? optimize(mergeAffines(optimized), { signZero }) : optimized;
  await saveModel(graph, to);
  const after = (await stat(to)).size;
  // A network of the zoo has no size before it is stored.
  const before = isZooName(from) ? null : (await stat(from)).size;
  if (flags.json === true) printJson(io, { in: from, out: to, inBytes: before, outBytes: after });
  else printLines(io, `${basename(from)}${before === null ? '' : ` ${bytes(before)}`} -> ${basename(to)} ${bytes(after)}`);
}
