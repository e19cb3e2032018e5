/** Runs several copies of the package in one process, by turns and at once; prints the digest of each. */
import { digest } from './digest.mjs';

const copies = await Promise.all(process.argv.slice(2).map((name) => import(name)));
for (const copy of copies) await digest(copy);
console.log(JSON.stringify(await Promise.all(copies.map((copy) => digest(copy, 10)))));
