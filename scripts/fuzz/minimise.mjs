/** Makes a finding small: removes one part after another as long as the finding stays the same. */

/**
 * @param smaller gives variants of bytes with less in them; none: pieces of bytes are left out
 * @param isSame whether a variant is the same finding
 */
export async function minimise(bytes, smaller, isSame, seconds = 20) {
  const end = performance.now() + seconds * 1000;
  let best = bytes;
  for (let improved = true; improved && performance.now() < end; ) {
    improved = false;
    for (const variant of candidates(best, smaller)) {
      if (performance.now() > end) break;
      if (variant.length >= best.length || !(await isSame(variant))) continue;
      best = variant;
      improved = true;
      break;
    }
  }
  return best;
}

function* candidates(bytes, smaller) {
  if (smaller !== undefined) yield* smaller(bytes);
  if (smaller !== undefined && bytes.length > 4096) return;
  for (let size = bytes.length >> 1; size >= 1; size >>= 1)
    for (let at = 0; at + size <= bytes.length; at += size)
      yield Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + size)]);
}
