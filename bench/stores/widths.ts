/**
 * What one width costs that `fuse --bits auto` looks at, rounding included, beside an evaluation of
 * the float network.
 */
import { performance } from 'node:perf_hooks';
import { evaluate, fusion, loadModel, readRecipe, Session, data as sets } from 'bitplane';
import type { Row } from '../report.js';
import type { Task } from './integers.js';

const PICTURES = 10_000;
const OPTIONS = { threads: 2 } as const;
const BITS = 8;

export async function widthRows({ name, file }: Task, dir: string): Promise<Row[]> {
  const graph = await loadModel(file);
  const pictures = sets[name]({ dir });
  const recipe = await readRecipe(file.replace(/\.onnx\.gz$/, '.json'));
  const timed = async (open: () => Promise<Session> | Session): Promise<number> => {
    const start = performance.now();
    const session = await open();
    await evaluate(session, pictures, { recipe, limit: PICTURES });
    await session.release();
    return performance.now() - start;
  };
  const float = await timed(() => Session.create(file, OPTIONS));
  const width = await timed(() =>
    Session.fromGraph(fusion.roundedNetwork(graph, { method: 'bfp', bits: BITS }), OPTIONS),
  );
  return [
    {
      what: 'one width of auto / an evaluation of the float network, 2 threads',
      value: width / float,
      unit: 'x',
      goal: { max: 1.15 },
      note: `${(width / 1000).toFixed(1)} / ${(float / 1000).toFixed(1)} s, ${PICTURES} pictures`,
    },
  ];
}
