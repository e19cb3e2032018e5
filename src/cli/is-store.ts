/** Whether MODEL of a command line is a store of several networks. Not here: opening it. */
import { MAX_MODEL_FILE, openFile, readPart } from '../formats/read-file.js';
import { looksLikeStore, MARK_BYTES } from '../formats/store/store.js';

/** Whether a file begins as a store does. False where there is no such file. */
export async function isStore(model: string): Promise<boolean> {
  const file = await openFile(model, { limit: MAX_MODEL_FILE }).catch(() => undefined);
  if (file === undefined) return false;
  try {
    return looksLikeStore(await readPart(file, 0, MARK_BYTES));
  } finally {
    await file.handle.close();
  }
}
