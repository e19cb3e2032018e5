/**
 * The zoo, as `import { zoo } from 'bitplane'` gives it: the networks of the papers, with weights as training would begin (model.init) or as
 * it might end (exampleState). Not here: trained weights.
 */
export { type BiRealOptions, biReal18, biReal20, biReal34, biRealBlock, biRealCifar18 } from './bi-real-net.js';
export { exampleState } from './example-state.js';
export type { Network, NetworkOptions } from './network.js';
export { ZOO, type ZooEntry, zooEntry, zooGraph } from './registry.js';
