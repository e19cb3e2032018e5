/**
 * A few of many asynchronous tasks at a time. Not here: what they do.
 */

/** As many as libuv has threads to read and decode on: more would only hold memory. */
const AT_A_TIME = 4;

/** `task` for every item, a few at a time; results in the order of the items. */
export async function inParallel<T, R>(
  items: readonly T[],
  task: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++;
      try {
        results[at] = await task(items[at] as T, at);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_A_TIME, items.length) }, worker));
  return results;
}
