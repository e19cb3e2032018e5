/**
 * Opens the model that its argument names, in a process that has done nothing else, and prints what
 * resident memory grew by as JSON: right after, and when garbage is gone.
 */
import { Session } from 'bitplane';
import { residentBytes } from './resident.js';

export interface Growth {
  readonly atOnceBytes: number;
  readonly settledBytes: number;
  /** Of its packed weights, which an instruction set may want wider than a file holds them. */
  readonly packedBytes: number;
}

const before = await residentBytes();
const session = await Session.create(process.argv[2] as string, { threads: 1 });
const atOnceBytes = process.memoryUsage.rss() - before;
const settledBytes = (await residentBytes()) - before;
const { packedBytes } = session.info;
await session.release();
console.log(JSON.stringify({ atOnceBytes, settledBytes, packedBytes } satisfies Growth));
