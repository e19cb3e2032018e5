#!/usr/bin/env node
/**
 * Prints "PASSED FAILED" summed over vitest's JSON reports, and on standard error a line for each
 * failure. A report that is missing, and a test file that failed before any of its tests ran, count
 * as one failure each.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

let passed = 0;
const failures = [];
for (const file of process.argv.slice(2)) {
  if (!existsSync(file)) {
    failures.push(`${file} is missing`);
    continue;
  }
  const report = JSON.parse(readFileSync(file, 'utf8'));
  passed += report.numPassedTests;
  for (const { name, status, message, assertionResults } of report.testResults) {
    const failed = assertionResults.filter((test) => test.status === 'failed');
    for (const { fullName, failureMessages } of failed)
      failures.push(`${relative(root, name)}: ${fullName}: ${firstLine(failureMessages[0])}`);
    if (status === 'failed' && failed.length === 0)
      failures.push(`${relative(root, name)}: ${firstLine(message)}`);
  }
}
for (const failure of failures) console.error(failure);
console.log(`${passed} ${failures.length}`);

function firstLine(text = '') {
  return text.split('\n', 1)[0].slice(0, 200);
}
