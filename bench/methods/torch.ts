/**
 * PyTorch in a process of its own, which does steps when asked to, so that it can take turns with
 * this one. Not here: what it computes (torch-steps.py).
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Skip } from '../report.js';

const PYTHON = '/usr/bin/python3';

export interface Torch {
  /** Seconds of so many steps. */
  steps(what: 'distill' | 'student', count: number): Promise<number>;
  end(): void;
}

/** @param layout where its maps have their channels. @throws Skip without PyTorch */
export async function startTorch(
  threads: number,
  batch: number,
  layout: 'first' | 'last',
): Promise<Torch> {
  // The compiled file stands in build-bench/methods.
  const script = fileURLToPath(new URL('../../bench/methods/torch-steps.py', import.meta.url));
  const child = spawn(PYTHON, [script, String(threads), String(batch), layout], {
    stdio: ['pipe', 'pipe', 'ignore'],
    // Its threads would spin between steps, and so through the turns of the other process.
    env: { ...process.env, OMP_WAIT_POLICY: 'passive', OMP_NUM_THREADS: String(threads) },
  });
  const gone = new Promise<never>((_, reject) => {
    child.on('error', () => reject(new Skip(`needs ${PYTHON} with PyTorch`)));
    child.on('exit', () => reject(new Skip(`needs ${PYTHON} with PyTorch`)));
  });
  gone.catch(() => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const torch: Torch = {
    async steps(what, count) {
      child.stdin.write(`${what} ${count}\n`);
      const { value } = await Promise.race([lines.next(), gone]);
      return Number(value);
    },
    end: () => {
      child.stdin.end();
    },
  };
  await torch.steps('distill', 1);
  return torch;
}
