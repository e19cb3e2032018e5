/**
 * Mutations of JSON values, of their text now and then: for headers, graphs and recipes. Not here:
 * what stands in them.
 */
import { mutateBytes } from './bytes.mjs';

/** @param words strings that mean something where the JSON is read */
export function mutateJson(random, value, words) {
  const holder = { value: structuredClone(value) };
  for (let times = 1 + random.below(random.once(4) ? 5 : 2); times > 0; times--)
    random.pick(KINDS)(random, spots(holder), words);
  return holder.value;
}

/** The text of it, rarely with bytes changed, keys twice, or nested deeper than anyone reads. */
export function mutateText(random, value, words) {
  const text = JSON.stringify(mutateJson(random, value, words));
  if (random.once(12)) return mutateBytes(random, Buffer.from(text)).toString('latin1');
  if (random.once(40)) return '['.repeat(random.pick([10, 1000, 20_000])) + text;
  return text;
}

/** The same value with one thing left out. */
export function* smallerJson(value) {
  for (let i = 0; ; i++) {
    const holder = { value: structuredClone(value) };
    const spot = spots(holder)[i];
    if (spot === undefined) return;
    if (spot.holder === holder) continue;
    if (Array.isArray(spot.holder)) spot.holder.splice(Number(spot.key), 1);
    else delete spot.holder[spot.key];
    yield holder.value;
  }
}

/** Every place that holds a value. */
function spots(holder, found = []) {
  for (const key of Object.keys(holder)) {
    found.push({ holder, key });
    if (found.length > 5000) return found;
    if (holder[key] !== null && typeof holder[key] === 'object') spots(holder[key], found);
  }
  return found;
}

function scalar(random, value, words) {
  if (typeof value === 'number')
    return random.once(6) ? random.float() : Number(random.integer(value));
  if (typeof value === 'string')
    return random.once(6)
      ? random.pick(['', '__proto__', 'constructor', 'x'.repeat(300)])
      : random.pick(words);
  return random.pick([null, true, false, 0, '', [], {}, -1, 'x']);
}

const KINDS = [
  ...Array(5).fill((random, places, words) => {
    const { holder, key } = random.pick(places);
    if (holder[key] === null || typeof holder[key] !== 'object')
      holder[key] = scalar(random, holder[key], words);
  }),
  (random, places) => {
    const { holder, key } = random.pick(places);
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else if (places[0].holder !== holder) delete holder[key];
  },
  (random, places) => {
    const { holder, key } = random.pick(places);
    if (Array.isArray(holder))
      holder.splice(random.below(holder.length + 1), 0, structuredClone(holder[key]));
  },
  (random, places) => {
    const [to, from] = [random.pick(places), random.pick(places)];
    to.holder[to.key] = structuredClone(from.holder[from.key]);
  },
  (random, places, words) => {
    const { holder, key } = random.pick(places);
    holder[key] = scalar(random, undefined, words);
  },
  (random, places, words) => {
    const { holder } = random.pick(places);
    if (!Array.isArray(holder))
      holder[random.pick(words)] = scalar(random, random.pick([1, 'x']), words);
  },
];
