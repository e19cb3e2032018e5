/**
 * `bitplane convert`: ONNX, QONNX, safetensors or a network of the zoo to a bitplane safetensors
 * file, optimized, so that binary weights take one bit each; or to ONNX or QONNX, as it is.
 */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { expected } from '../core/errors.js';
import { readRecipe, withRecipe } from '../data/recipe.js';
import type { Dialect } from '../formats/onnx/dialects.js';
import { saveOnnx } from '../formats/onnx/export.js';
import { saveModel } from '../formats/safetensors/model.js';
import type { Graph } from '../graph/value.js';
import { mergeAffines, optimize } from '../passes/index.js';
import { tryRecipe } from './find-recipe.js';
import { bytes } from './format.js';
import { type Io, printJson, printLines } from './io.js';
import { openModel } from './open-model.js';
import type { FileFlags, SignZero } from './options.js';
import { requireOther } from './same-file.js';
import { isQuiet, whileWaiting } from './waiting.js';
import { isZooName } from './zoo-name.js';

type Format = 'safetensors' | Dialect;

export interface ConvertFlags extends Omit<FileFlags, 'task'> {
  readonly format?: Format;
  readonly signZero?: SignZero;
  readonly mergeAffines?: boolean;
  readonly preprocess?: string;
  readonly exportTask?: string;
  readonly json?: boolean;
}

export async function convert(
  from: string,
  to: string,
  flags: ConvertFlags,
  io: Io,
): Promise<void> {
  const { format = 'safetensors' } = flags;
  const ending = format === 'safetensors' ? '.safetensors' : '.onnx';
  if (!to.toLowerCase().endsWith(ending))
    throw expected('ERR_ARGUMENT', `OUT to end in ${ending}, as --format ${format} says,`, to, {
      op: 'convert',
    });
  if (format !== 'safetensors' && flags.signZero !== undefined)
    throw expected('ERR_ARGUMENT', '--sign-zero for safetensors only', format, { op: 'convert' });
  const { exportTask } = flags;
  // The floats, and of a store the other tasks, would be lost.
  requireOther(to, [from], 'OUT');
  const loaded = await openModel(
    from,
    { ...flags, ...(exportTask !== undefined && { task: exportTask }) },
    io,
    '--export-task',
  );
  const { recipe, problem } = await recipeOf(from, loaded, flags.preprocess);
  const carrying = recipe === undefined ? loaded : withRecipe(loaded, recipe);
  const graph = await whileWaiting(
    io,
    `writing ${to}`,
    () => write(carrying, to, format, flags),
    isQuiet(flags, io),
  );
  const after = (await stat(to)).size;
  // A network of the zoo has no file yet, hence no size before the conversion.
  const before = isZooName(from) ? null : (await stat(from)).size;
  const notes = problem === undefined ? [] : [`${problem}; none is carried`];
  if (flags.json === true) {
    const source = recipe?.source ?? null;
    printJson(io, {
      in: from,
      out: to,
      inBytes: before,
      outBytes: after,
      recipe: source,
      metadata: graph.metadata ?? {},
      notes,
    });
    return;
  }
  printLines(
    io,
    `${basename(from)}${before === null ? '' : ` ${bytes(before)}`} -> ` +
      `${basename(to)} ${bytes(after)}`,
    recipe === undefined
      ? []
      : [
          'carries ' +
            `preprocessing${recipe.labels === undefined ? '' : ' and labels'}: ${recipe.source}`,
        ],
    notes,
  );
}

/** Writes the file, and returns what it holds. */
async function write(
  graph: Graph,
  to: string,
  format: Format,
  { mergeAffines: merges = false, signZero = 'exact' }: ConvertFlags,
): Promise<Graph> {
  if (format !== 'safetensors') {
    const written = merges ? mergeAffines(graph) : graph;
    await saveOnnx(written, to, { dialect: format });
    return written;
  }
  const optimized = optimize(graph, { signZero });
  // After optimizing, because merging needs the channels last.
  const written = merges ? optimize(mergeAffines(optimized), { signZero }) : optimized;
  await saveModel(written, to);
  return written;
}

/**
 * A file that the user names must be a recipe; a JSON file that merely lies beside a model need not
 * be one.
 */
async function recipeOf(
  model: string,
  graph: Graph,
  named: string | undefined,
): Promise<Awaited<ReturnType<typeof tryRecipe>>> {
  return named === undefined ? tryRecipe(model, graph) : { recipe: await readRecipe(named) };
}
