/**
 * The runner of the ONNX project's tests, over two tests of our own: one whose shape is fed, and
 * one whose expected result is wrong. Not here: the project's tests.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { expect, test } from 'vitest';
import { encodeOnnx } from '../formats/onnx-encoder.js';

const script = fileURLToPath(new URL('../../scripts/onnx-backend.mjs', import.meta.url));

/** A TensorProto of floats, or of INT64. */
function tensor(dims: readonly number[], data: Float32Array | BigInt64Array): Uint8Array {
  const writer = new BinaryWriter();
  for (const dim of dims) writer.tag(1, WireType.Varint).int64(dim);
  writer.tag(2, WireType.Varint).int32(data instanceof Float32Array ? 1 : 7);
  writer.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(data.buffer));
  return writer.finish();
}

test('what passes counts, what does not says why, and a share that is too small fails', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bitplane-onnx-'));
  const write = (name: string, model: Uint8Array, files: Record<string, Uint8Array>) => {
    const data = join(folder, name, 'test_data_set_0');
    mkdirSync(data, { recursive: true });
    writeFileSync(join(folder, name, 'model.onnx'), model);
    for (const [file, bytes] of Object.entries(files)) writeFileSync(join(data, file), bytes);
  };
  try {
    const four = Float32Array.of(1, -2, 3, -4);
    const reshape = encodeOnnx({
      nodes: [{ op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] }],
      inputs: { x: [4], s: [2] },
      outputs: { y: [2, 2] },
      inputTypes: { s: 7 },
    });
    write('test_reshape', reshape, {
      'input_0.pb': tensor([4], four),
      'input_1.pb': tensor([2], BigInt64Array.of(2n, 2n)),
      'output_0.pb': tensor([2, 2], four),
    });
    const relu = encodeOnnx({
      nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
      inputs: { x: [4] },
      outputs: { y: [4] },
    });
    write('test_relu', relu, {
      'input_0.pb': tensor([4], four),
      'output_0.pb': tensor([4], Float32Array.of(1, 0, 3.1, 0)),
    });
    const { status, stdout } = spawnSync(
      process.execPath,
      [script, '--data', folder, '--least', '60'],
      { encoding: 'utf8' },
    );
    expect(stdout).toContain('1 of 2 passed');
    expect(stdout).toContain('1 of them with operands as constants, 0 with all operands so');
    expect(stdout).toMatch(/failed: expected 3\.0999\d+ but received 3\n {6}test_relu/);
    expect(stdout).toContain('listed ops: 1 of 2 passed, 50.0 %');
    expect(status).toBe(1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
