#!/usr/bin/env node
/**
 * Fetches the versions of Node that `npm run test:package` tries the package on besides the one it
 * runs on, and prints their paths as a JSON object. Without them those tests are skipped.
 *
 *   node scripts/fetch-nodes.mjs
 */
import { fetchTools } from './npm-tools.mjs';

/**
 * The oldest that package.json allows, the first that can require() an ES module, and the newest of
 * each line that is still kept.
 */
const VERSIONS = ['20.0.0', '20.19.0', '22', '24', '26'];

const { platform, arch } = process;
const aliases = VERSIONS.map((version) => `node-${version}`);
const paths = fetchTools(
  `nodes-${VERSIONS.join('-')}`,
  VERSIONS.map((version, i) => `${aliases[i]}@npm:node-${platform}-${arch}@${version}`),
  aliases.map((alias) => `${alias}/bin/node`),
);
process.stdout.write(
  `${JSON.stringify(Object.fromEntries(VERSIONS.map((version, i) => [version, paths[i]])))}\n`,
);
