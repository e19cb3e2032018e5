/**
 * Saves without room or permission: under a limit on the size of files, on a full file system, on a
 * read-only one. The older file must stay as it was. Not here: single calls that fail
 * (./sweep.mjs).
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Control } from './control.mjs';
import { noCounts } from './counts.mjs';

/**
 * Shell commands around the child, which is "$@"; $D is the folder. A mount needs a name space of
 * its own, which not every system gives.
 */
const PLACES = [
  { name: 'files of at most 512 KB', script: 'ulimit -f 512; exec "$@"' },
  {
    name: 'a full file system',
    mounts: true,
    script: 'mount -t tmpfs -o size=512k none "$D" && echo old > "$D/model.safetensors" && "$@"',
  },
  {
    name: 'a file system that takes no writes',
    mounts: true,
    script:
      'mount -t tmpfs none "$D" && echo old > "$D/model.safetensors" && mount -o ' +
      'remount,ro "$D" && "$@"',
  },
];
const FLOATS = 1 << 19;

export async function disks(child, folder) {
  const control = join(folder, 'control-disks');
  new Control(control, { fresh: true }).close();
  return PLACES.map(({ name, script, mounts }) => {
    const place = join(folder, name.replaceAll(' ', '-'));
    mkdirSync(place);
    writeFileSync(join(place, 'model.safetensors'), 'old\n');
    const shell = [
      'bash',
      '-c',
      script,
      'bash',
      process.execPath,
      child,
      'write',
      control,
      place,
      String(FLOATS),
      '0',
      '0',
    ];
    const command = mounts
      ? ['unshare', ...(process.getuid() === 0 ? ['-m'] : ['-rm']), ...shell]
      : shell;
    const result = spawnSync(command[0], command.slice(1), {
      env: { ...process.env, D: place },
      encoding: 'utf8',
      timeout: 60_000,
    });
    return { name, ...judge(result, mounts) };
  });
}

function judge({ status, signal, stdout, stderr }, mounts) {
  const counts = { ...noCounts(), swept: 1 };
  const line = stdout?.split('\n').find((text) => text.startsWith('{"number"'));
  if (line === undefined) {
    if (mounts && /unshare|mount/.test(stderr))
      return { ...counts, swept: 0, problems: [], skipped: 'no mounts here' };
    return {
      ...counts,
      crashes: 1,
      problems: [`ended with ${signal ?? status}: ${stderr?.slice(-400)}`],
    };
  }
  const { problem, left } = JSON.parse(line);
  const result = { ...counts, leftovers: left, problems: problem === undefined ? [] : [problem] };
  result[problem === undefined ? 'refused' : 'wrong'] = 1;
  return result;
}
