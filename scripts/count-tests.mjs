#!/usr/bin/env node
/**
 * Prints "PASSED FAILED" summed over vitest's JSON reports. A report that is missing, and a test
 * file that failed before any of its tests ran, count as one failure each.
 */
import { existsSync, readFileSync } from 'node:fs';

let passed = 0;
let failed = 0;
for (const file of process.argv.slice(2)) {
  if (!existsSync(file)) {
    failed++;
    continue;
  }
  const report = JSON.parse(readFileSync(file, 'utf8'));
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  failed += report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  ).length;
}
console.log(`${passed} ${failed}`);
