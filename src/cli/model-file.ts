/**
 * The file behind MODEL of a command line: a file itself, the model in a folder that
 * `bitplane train` wrote, or `models/NAME`, a trained network that comes with the package. Not
 * here: opening it (./open-model.ts).
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unknownName } from '../core/checks.js';
import { isZooName } from './zoo-name.js';

const MODEL = 'model.safetensors';
const OWN = /^models[\\/]([^\\/]+)[\\/]?$/;

/** The trained networks of the package. */
export const MODELS_FOLDER = fileURLToPath(new URL('../../models', import.meta.url));

/**
 * A file or folder of this name where the user is comes before one of the package.
 * @throws BitplaneError ERR_ARGUMENT for an unknown name under models/; it lists the known ones
 */
export function modelFile(model: string): string {
  if (isZooName(model)) return model;
  const [, name] = OWN.exec(model) ?? [];
  if (name === undefined || existsSync(model)) return within(model);
  const own = join(MODELS_FOLDER, name);
  if (!existsSync(join(own, MODEL))) {
    const known = ownModels().map((own) => `models/${own}`);
    throw unknownName('one of', model, known, { op: 'MODEL' });
  }
  return within(own);
}

function within(path: string): string {
  const file = join(path, MODEL);
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder && existsSync(file) ? file : path;
}

/** Names of the trained networks that came with the package. */
export function ownModels(): string[] {
  if (!existsSync(MODELS_FOLDER)) return [];
  return readdirSync(MODELS_FOLDER)
    .filter((name) => existsSync(join(MODELS_FOLDER, name, MODEL)))
    .sort();
}
