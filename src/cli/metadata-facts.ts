/**
 * The metadata of a model, for people: producer, recipe, labels, the author's own entries. Not
 * here: where it is kept (src/formats, src/data/recipe.ts).
 */
import { RECIPE, type Recipe } from '../data/recipe.js';
import type { Metadata } from '../graph/value.js';

const LABELS = 5;
/** Longer values are cut for people; JSON has them whole. */
const WIDTH = 80;

type Fact = readonly [name: string, value: string];

/** Lines for `facts`; none where nothing is known. */
export function metadataFacts(metadata: Metadata, recipe: Recipe | undefined): Fact[] {
  const { 'onnx.producer_name': producer, 'onnx.producer_version': version, ...rest } = metadata;
  const others = Object.entries(rest).filter(([name]) => name !== RECIPE);
  const made = [producer, version].filter((part) => part !== undefined).join(' ');
  return [
    ...(made === '' ? [] : [['producer', oneLine(made)] as const]),
    ...others.map(
      ([name, value]) => [oneLine(name.replace(/^onnx\./, '')), oneLine(value)] as const,
    ),
    ...(recipe === undefined ? [] : recipeFacts(recipe)),
  ];
}

function recipeFacts({ preprocess, labels, source }: Recipe): Fact[] {
  const { layout, color, scale, mean, std, quantize, resize, crop, rounding } = preprocess;
  const parts = [
    layout,
    color,
    `(pixel * ${scale} - [${mean.join(', ')}]) / [${std.join(', ')}]`,
    ...(quantize === undefined
      ? []
      : [`quantized to steps of ${quantize.step} from ${quantize.min} to ${quantize.max}`]),
    ...(resize === undefined ? [] : [`resize ${resize}`]),
    ...(crop === undefined ? [] : [`crop ${crop}`]),
    ...(rounding === undefined ? [] : [`sizes round as ${rounding}`]),
  ];
  const shown = labels?.slice(0, LABELS).join('; ');
  return [
    ['preprocessing', parts.join(', ')],
    ['', source],
    ...(labels === undefined
      ? []
      : [
          ['labels', `${labels.length}: ${shown}${labels.length > LABELS ? '; ...' : ''}`] as const,
        ]),
  ];
}

/** Texts from a file must not move the cursor or fill the screen. */
function oneLine(text: string): string {
  const plain = text.replace(/\p{Cc}+/gu, ' ').trim();
  return plain.length > WIDTH ? `${plain.slice(0, WIDTH - 3)}...` : plain;
}
