/**
 * The importer of an op that becomes many values, which pauses between them, so that a reader in
 * turns does not hold up the event loop. Not here: other importers (./context.ts).
 */
import type { Pausing } from '../../core/turns.js';
import type { Importer, NodeContext } from './context.js';

export type PausingImporter = (context: NodeContext) => Pausing<ReturnType<Importer>>;
