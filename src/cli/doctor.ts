/**
 * `bitplane doctor`: what this machine offers and which parts of bitplane are in use, also where
 * the addon does not load.
 */
import { cpus } from 'node:os';
import { type NativeInfo, nativeInfo, remedy } from '../native/addon.js';
import { cores } from '../native/cores.js';
import { featuresOf } from '../native/features.js';
import { describeHost } from '../native/host.js';
import { resolveIsa } from '../native/isa.js';
import { type Io, printJson, printLines } from './io.js';
import { facts } from './table.js';

export interface Report {
  readonly version: string;
  readonly node: string;
  /** Platform, architecture, C library and CPU features. */
  readonly host: string;
  readonly platform: string;
  readonly cpu: string;
  readonly addon: {
    readonly loaded: boolean;
    readonly path?: string | undefined;
    readonly tried: NativeInfo['tried'];
  };
  /**
   * Which instruction sets this machine has, as the addon detects them; empty if it did not load.
   */
  readonly isas: Readonly<Record<string, boolean>>;
  /** What kernels of that instruction set may use beside it; empty without one. */
  readonly features: Readonly<Record<string, boolean>>;
  /** The instruction set sessions use, or why they cannot. */
  readonly chosen: string;
  readonly threads: number;
}

/** Never throws. */
export function examine(version: string, info: NativeInfo = nativeInfo()): Report {
  const { addon, path, tried } = info;
  return {
    version,
    node: process.version,
    host: describeHost(),
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus()[0]?.model.trim() || 'unknown',
    addon: { loaded: addon !== undefined, path, tried },
    isas: Object.fromEntries(
      Object.entries(addon?.isas ?? {}).filter(([isa]) => isa !== 'reference'),
    ),
    ...(addon === undefined ? { features: {}, chosen: 'none: the addon did not load' } : choice()),
    threads: cores(),
  };
}

function choice(): Pick<Report, 'features' | 'chosen'> {
  try {
    const chosen = resolveIsa(undefined);
    return { features: featuresOf(chosen), chosen };
  } catch (error) {
    return { features: {}, chosen: `none: ${(error as Error).message}` };
  }
}

/** Exit code 1 where sessions cannot run, so that scripts can ask. */
export function doctor(
  version: string,
  flags: { readonly json?: boolean },
  io: Io,
  info: NativeInfo = nativeInfo(),
): number {
  const report = examine(version, info);
  const healthy = report.addon.loaded && !report.chosen.startsWith('none');
  if (flags.json === true) {
    printJson(io, report);
    return healthy ? 0 : 1;
  }
  const answers = (facts: Readonly<Record<string, boolean>>) =>
    Object.entries(facts)
      .map(([name, has]) => `${name} ${has ? 'yes' : 'no'}`)
      .join(', ');
  const forced = io.env.BITPLANE_ISA;
  const without = io.env.BITPLANE_WITHOUT;
  printLines(
    io,
    facts([
      ['bitplane', report.version],
      ['node', `${report.node} ${report.host}`],
      ['cpu', report.cpu],
      ['instruction sets', answers(report.isas) || 'unknown without the addon'],
      [
        'features',
        (answers(report.features) || 'unknown') + (without ? ` (BITPLANE_WITHOUT=${without})` : ''),
      ],
      ['kernels', `${report.chosen}${forced ? ` (BITPLANE_ISA=${forced})` : ''}`],
      ['threads', String(report.threads)],
      ['addon', report.addon.path ?? 'not loaded'],
    ]),
    report.addon.tried.map(({ path, problem }) =>
      problem === undefined ? `  loaded ${path}` : `  tried  ${path}: ${problem}`,
    ),
  );
  if (!report.addon.loaded) printLines(io, `To do: ${remedy(info.forbidden)}.`);
  return healthy ? 0 : 1;
}
