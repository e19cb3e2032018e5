/**
 * A runner of test files as Jest is one: each file in a context of its own with its own copy of
 * every module but the built-in ones and native addons; when a file ends, the globals of its
 * context are taken away. Eight rounds of three files at once. Prints what they computed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import vm from 'node:vm';

const file = join(process.cwd(), 'node_modules', 'bitplane', 'dist', 'reloaded.cjs');
const source = readFileSync(file, 'utf8');
const test = readFileSync('digest.mjs', 'utf8')
  .replace(/^import .*$/m, "const { createHash } = require('node:crypto');")
  .replace('export ', '');

let files = 0;

async function runFile() {
  const globals = {
    setTimeout,
    clearTimeout,
    setImmediate,
    queueMicrotask,
    performance,
    process,
    Buffer,
    URL,
    console,
    AbortController,
  };
  // Every second file as in Jest's own environment, where what Node's modules return passes for
  // what the context calls by the same name; the others as in its jsdom, where it does not.
  const nodes = files++ % 2 === 0 ? { Uint8Array, ArrayBuffer, TextDecoder, TextEncoder } : {};
  const context = vm.createContext({ ...globals, ...nodes });
  const require = createRequire(file);
  const module = { exports: {} };
  const wrap = (code) =>
    vm.runInContext(
      `(function (module, exports, require, __filename, __dirname) {${code}\n})`,
      context,
    );
  wrap(source)(module, module.exports, require, file, join(file, '..'));
  const run = { exports: {} };
  wrap(`${test}\nmodule.exports = digest;`)(run, run.exports, require, file, join(file, '..'));
  const result = await run.exports(module.exports, 10);
  // Bytes and numbers of the runner's classes, not the context's, as Node's own functions give
  // them.
  const { loadModel, Tensor } = module.exports;
  const foreign = {
    loadModel: (path) => loadModel(readFileSync(path)),
    Tensor: class extends Tensor {
      constructor(dtype, data, shape) {
        super(dtype, Float32Array.from(data), shape);
      }
    },
  };
  const mixed = await run.exports(module.exports, 1, foreign);
  if (mixed !== result) throw new Error(`${mixed} on what is of another context's classes`);
  for (const name of Object.keys(globals)) context[name] = undefined;
  return result;
}

const digests = [];
const threads = [];
for (let round = 0; round < 8; round++) {
  digests.push(...(await Promise.all([runFile(), runFile(), runFile()])));
  globalThis.gc();
  if (process.platform === 'linux') threads.push(readdirSync('/proc/self/task').length);
}
console.log(JSON.stringify({ digests, threads }));
