/**
 * `npm run bench [-- WORKLOAD ...] [--json] [--strict]`: measures every number that this project
 * aims at on this machine and prints it beside its goal, as a table and as JSON. --json prints only
 * the JSON; --strict exits with 1 if a goal is missed.
 */
import { arch, cpus, platform } from 'node:os';
import { accuracy } from './accuracy/index.js';
import { batching } from './batching/index.js';
import { chain } from './chain/index.js';
import { disk } from './disk/index.js';
import { epilogue } from './epilogue/index.js';
import { floats } from './floats/index.js';
import { kernels } from './kernels/index.js';
import { latency } from './latency/index.js';
import { lowbit } from './lowbit/index.js';
import { memory } from './memory/index.js';
import { dataFree } from './methods/index.js';
import { neon } from './neon/index.js';
import { networks } from './networks/index.js';
import { quantized } from './quantized/index.js';
import { formatTable, met, type Row, Skip, type Workload } from './report.js';
import { startup } from './startup/index.js';
import { stores } from './stores/index.js';
import { training } from './training/index.js';

const WORKLOADS: readonly Workload[] = [
  kernels,
  epilogue,
  chain,
  floats,
  networks,
  training,
  dataFree,
  lowbit,
  stores,
  latency,
  batching,
  memory,
  disk,
  startup,
  neon,
  accuracy,
  quantized,
];

interface Result {
  readonly workload: string;
  readonly rows: readonly Row[];
  /** Why there are no rows: what this machine lacks, or the error. */
  readonly skipped?: string;
  readonly failed?: string;
}

async function measure(workload: Workload): Promise<Result> {
  try {
    return { workload: workload.name, rows: await workload.rows() };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return error instanceof Skip
      ? { workload: workload.name, rows: [], skipped: message }
      : { workload: workload.name, rows: [], failed: message };
  }
}

function describe({ workload, rows, skipped, failed }: Result): string {
  const body =
    skipped !== undefined
      ? `skipped: ${skipped}`
      : failed !== undefined
        ? `FAILED: ${failed}`
        : formatTable(rows);
  return `\n${workload}\n${body}`;
}

async function main(args: readonly string[]): Promise<void> {
  const json = args.includes('--json');
  const wanted = args.filter((arg) => !arg.startsWith('--'));
  const unknown = wanted.filter((name) => !WORKLOADS.some((workload) => workload.name === name));
  if (unknown.length > 0)
    throw new Error(
      `no workload ${unknown.join(', ')}; ` +
        `there are ${WORKLOADS.map(({ name }) => name).join(', ')}`,
    );

  const machine = [
    cpus()[0]?.model ?? 'unknown CPU',
    `${cpus().length} cores`,
    `${platform()}-${arch()}`,
    `Node ${process.version}`,
  ].join(', ');
  if (!json) console.log(machine);
  const results: Result[] = [];
  for (const workload of WORKLOADS.filter(
    ({ name }) => wanted.length === 0 || wanted.includes(name),
  )) {
    const result = await measure(workload);
    results.push(result);
    if (!json) console.log(describe(result));
  }
  const document = {
    machine,
    results: results.map((result) => ({
      ...result,
      rows: result.rows.map((row) => ({ ...row, met: met(row) })),
    })),
  };
  console.log(json ? JSON.stringify(document, null, 2) : `\n${JSON.stringify(document)}`);

  const missed = results.some(
    ({ failed, rows }) => failed !== undefined || rows.some((row) => met(row) === false),
  );
  if (args.includes('--strict') && missed) process.exitCode = 1;
}

await main(process.argv.slice(2));
