/**
 * Modules of Node's that few programs need, loaded with their first use: loading both takes a tenth
 * of the time of `import 'bitplane'`. Not here: what is hashed or inflated.
 */
import nodeModule from 'node:module';

export const crypto = loadedLate<typeof import('node:crypto')>('node:crypto');
export const zlib = loadedLate<typeof import('node:zlib')>('node:zlib');

function loadedLate<T>(name: string): () => T {
  let loaded: T | undefined;
  // Not `import { createRequire }`, which webpack replaces. For Node's own modules the path only
  // has to be absolute.
  return () => {
    loaded ??= nodeModule.createRequire(process.execPath)(name) as T;
    return loaded;
  };
}
