/**
 * Runs several copies of the package in one process, by turns and at once; prints the digest of
 * each.
 */
import { digest } from './digest.mjs';

const copies = await Promise.all(process.argv.slice(2).map((name) => import(name)));
for (const copy of copies) await digest(copy);
for (const [i, copy] of copies.entries()) {
  const mixed = await digest(copy, 1, copies[(i + 1) % copies.length]);
  if (mixed !== (await digest(copy)))
    throw new Error(`copy ${i} computes ${mixed} on what another copy made`);
}
console.log(JSON.stringify(await Promise.all(copies.map((copy) => digest(copy, 10)))));
