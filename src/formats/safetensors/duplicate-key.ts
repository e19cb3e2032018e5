/**
 * Finds a key that some object of a JSON text holds twice: JSON.parse silently keeps the last
 * value, other readers the first. Not here: validation; the text has passed JSON.parse.
 */

/**
 * The first key that repeats within one object, or undefined. A loop, not a pattern: headers may be
 * longer than a pattern can backtrack.
 */
export function duplicateKey(json: string): string | undefined {
  const open: Set<string>[] = [];
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '{') open.push(new Set());
    else if (character === '}') open.pop();
    else if (character === '"') {
      const begin = i;
      for (i++; json[i] !== '"'; i++) if (json[i] === '\\') i++;
      // Of all strings only keys are followed by a colon.
      let next = i + 1;
      while (json.charCodeAt(next) <= 0x20) next++;
      if (json[next] !== ':') continue;
      const key = JSON.parse(json.slice(begin, i + 1)) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}
