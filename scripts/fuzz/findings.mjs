/**
 * Keeps the findings: one file of each kind, beside a text that says what is wrong. An input that
 * ended the process is tried again alone, and made small in processes of its own. Not here: finding
 * them.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { minimise } from './minimise.mjs';
import { smallerOnnx } from './onnx.mjs';
import { smallerSafetensors } from './safetensors.mjs';

const SMALLER = { onnx: smallerOnnx, safetensors: smallerSafetensors };
const EXTENSIONS = { recipe: 'json', cifar: 'bin', picture: 'jpg', program: 'bin' };
/** The time for all tries of one finding; each try starts a process. */
const SECONDS = 60;

export class Findings {
  /** Kinds, and how often each was met. */
  counts = new Map();

  constructor(folder, child, scratch) {
    Object.assign(this, { folder, child, scratch });
  }

  again(kind) {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  keep({ reader, kind, seed, sentence, hash, bytes }) {
    const isNew = !this.counts.has(kind);
    this.again(kind);
    if (!isNew) return;
    const name = `${reader}-${hash}`;
    writeFileSync(
      join(this.folder, `${name}.${EXTENSIONS[reader] ?? reader}`),
      Buffer.from(bytes, 'base64'),
    );
    writeFileSync(join(this.folder, `${name}.txt`), `${kind}\nseed ${seed}\n${sentence}\n`);
    process.stderr.write(`${kind} -> ${join(this.folder, name)}\n`);
  }

  /** A crash, a hang, too much memory. */
  async ofProcess({ problem, reader, seed, bytes, said }) {
    if (bytes === undefined)
      throw new Error(`the child ended before its first input: ${problem}: ${said}`);
    const first = this.probe(reader, bytes, seed);
    // A finding that the input alone does not repeat came from earlier inputs.
    const kind = `${reader}: ${first ?? `${problem}, not again by itself`}`;
    if (this.counts.has(kind)) return this.again(kind);
    const isSame = async (variant) => this.probe(reader, variant, seed) === first;
    const small =
      first === undefined || first === 'hang'
        ? bytes
        : await minimise(bytes, SMALLER[reader], isSame, SECONDS);
    const hash = createHash('sha256').update(small).digest('hex').slice(0, 8);
    this.keep({ reader, kind, seed, sentence: said, hash, bytes: small.toString('base64') });
  }

  /** How a process that tries this file alone ends; undefined where it ends well. */
  probe(reader, bytes, seed) {
    const file = join(this.scratch, 'probe');
    writeFileSync(file, bytes);
    const job = JSON.stringify({ probe: reader, file, folder: this.scratch, seed });
    const result = spawnSync(process.execPath, ['--max-old-space-size=1024', this.child, job], {
      timeout: 20_000,
      encoding: 'utf8',
    });
    if (result.error?.code === 'ETIMEDOUT') return 'hang';
    return result.status === 0 ? undefined : `crash (${result.signal ?? result.status})`;
  }
}
