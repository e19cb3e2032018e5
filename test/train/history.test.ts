/** The log of a training: whole after every epoch, and a damaged line is named. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EpochRecord } from '../../src/train/history.js';
import { openHistoryLog, readHistory } from '../../src/train/history-log.js';
import { temporaryFolder } from '../data/fixtures.js';

function record(epoch: number, more: Partial<EpochRecord> = {}): EpochRecord {
  return {
    epoch,
    phase: 'train',
    rate: 0.1,
    loss: 2 / epoch,
    trainAccuracy: 10 + epoch,
    testLoss: null,
    testAccuracy: epoch % 2 === 0 ? 9.5 + epoch : null,
    seconds: 1.5,
    imagesPerSecond: 1e4 / 3,
    ...more,
  };
}

async function logged(...records: EpochRecord[]): Promise<string> {
  const path = join(temporaryFolder(), 'log.jsonl');
  const log = await openHistoryLog(path);
  for (const each of records) await log.append(each);
  return path;
}

test('a record is not read back as it was written, one line an epoch', async () => {
  const records = [record(1), record(2, { phase: 'step 2' }), record(3, { metrics: { flips: 7 } })];
  const path = await logged(...records);
  expect(await readHistory(path)).toEqual(records);
  const lines = readFileSync(path, 'utf8').split('\n');
  expect(lines).toHaveLength(4);
  expect(lines[3]).toBe('');
  expect(JSON.parse(lines[1] as string)).toEqual(records[1]);
});

describe('a run that goes on', () => {
  test('repeats epochs that the checkpoint had not done, or loses those it had', async () => {
    const path = await logged(record(1), record(2), record(3));
    const log = await openHistoryLog(path, 2);
    expect(log.records).toEqual([record(1), record(2)]);
    await log.append(record(3, { loss: 0.25 }));
    expect((await readHistory(path)).map(({ loss }) => loss)).toEqual([2, 1, 0.25]);
    expect(log.records).toHaveLength(3);
  });

  test('takes the log of another run for its own', async () => {
    const path = await logged(record(1));
    await expect(openHistoryLog(path, 2)).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      node: path,
      message: expect.stringContaining(
        'expected the records of 2 epochs, which the checkpoint has done but received 1',
      ),
    });
    await expect(openHistoryLog(join(temporaryFolder(), 'x'), 1)).rejects.toMatchObject({
      code: 'ERR_IO',
    });
  });

  test('a new run keeps the lines of an old one', async () => {
    const path = await logged(record(1), record(2));
    const log = await openHistoryLog(path);
    expect(log.records).toEqual([]);
    expect(await readHistory(path)).toHaveLength(2);
    await log.append(record(1, { loss: 9 }));
    expect((await readHistory(path)).map(({ loss }) => loss)).toEqual([9]);
  });
});

test('a record that cannot be written is in the history, or harms the file', async () => {
  const path = await logged(record(1));
  const log = await openHistoryLog(path, 1);
  await expect(log.append(record(3))).rejects.toThrow(
    /expected epoch 2 to append but received epoch 3/,
  );
  await expect(log.append(record(2, { loss: Number.NaN }))).rejects.toThrow(
    /expected a finite number as loss to append but received NaN/,
  );
  expect(log.records).toHaveLength(1);
  expect(await readHistory(path)).toEqual([record(1)]);
  const nowhere = await openHistoryLog(join(temporaryFolder(), 'none', 'log.jsonl'));
  await expect(nowhere.append(record(1))).rejects.toMatchObject({ code: 'ERR_IO' });
  expect(nowhere.records).toEqual([]);
});

describe('a damaged line is not named', () => {
  const good = [1, 2, 3].map((epoch) => JSON.stringify(record(epoch)));
  const damaged = async (line: number, text: string) => {
    const path = join(temporaryFolder(), 'log.jsonl');
    writeFileSync(path, good.map((each, i) => `${i === line - 1 ? text : each}\n`).join(''));
    return readHistory(path).catch((error) => error);
  };
  const without = (name: string) => {
    const { [name as 'loss']: _, ...rest } = record(2);
    return JSON.stringify(rest);
  };

  test.each([
    [2, good[1]?.slice(0, 40) ?? '', 'expected JSON in line 2 but received something else'],
    [3, '', 'expected JSON in line 3'],
    [1, '[1]', 'expected the record of an epoch in line 1'],
    [2, 'null', 'expected the record of an epoch in line 2'],
    [2, without('loss'), 'expected a finite number as loss in line 2 but received undefined'],
    [2, without('phase'), 'expected text as phase in line 2'],
    [2, without('testAccuracy'), 'expected a finite number or null as testAccuracy in line 2'],
    [2, JSON.stringify({ ...record(2), loss: '1' }), 'a finite number as loss in line 2'],
    [2, JSON.stringify({ ...record(2), metrics: { a: 'b' } }), 'finite numbers by name as metrics'],
    [2, JSON.stringify({ ...record(2), lose: 1 }), "fields of an epoch's record in line 2"],
    [2, JSON.stringify(record(3)), 'expected epoch 2 in line 2 but received epoch 3'],
    [1, JSON.stringify({ ...record(1), epoch: 0 }), 'a number of epochs as epoch in line 1'],
  ])('line %d: %s', async (line, text, message) => {
    const error = await damaged(line, text);
    expect(error).toMatchObject({ name: 'BitplaneError', code: 'ERR_FORMAT', op: 'history' });
    expect(error.message).toContain(message);
  });

  test('a line without end', async () => {
    const path = join(temporaryFolder(), 'log.jsonl');
    writeFileSync(path, good.join('\n'));
    await expect(readHistory(path)).rejects.toThrow(/expected a whole line 3/);
  });

  test('an empty log has no records', async () => {
    const path = join(temporaryFolder(), 'log.jsonl');
    writeFileSync(path, '');
    expect(await readHistory(path)).toEqual([]);
  });
});
