// Labels the frames of a camera or a video as they come: raw RGB on standard input. A frame that
// arrives while another is computed replaces the one that waits, so the answer is never old.
//
//   npm install bitplane sharp
//   ffmpeg -loglevel error -i video.mp4 -f rawvideo -pix_fmt rgb24 -s 320x240 - \
//     | node camera.mjs MODEL 320 240
//   (of a camera: ffmpeg -f v4l2 -i /dev/video0 ...)
import { imageToTensor, recipeOf, Session, softmax, topK } from 'bitplane';

const [model, width, height] = process.argv.slice(2);
const frame = { width: Number(width), height: Number(height), channels: 3 };
const size = frame.width * frame.height * 3;
const session = await Session.create(model);
const recipe = recipeOf(session);
const [input] = session.inputNames;
const [output] = session.outputNames;

let seen = 0;
let answered = 0;
let newest;
let busy;

/** Computes the newest frame, until none has come meanwhile. */
async function answer() {
  while (newest !== undefined) {
    const { number, data } = newest;
    newest = undefined;
    const image = await imageToTensor({ ...frame, data }, recipe);
    const results = await session.run({ [input]: image });
    const [best] = topK(softmax(results[output]), 1, recipe.labels);
    answered++;
    console.log(`frame ${number}\t${best.label}\t${(100 * best.score).toFixed(1)} %`);
  }
  busy = undefined;
}

let parts = [];
let bytes = 0;
for await (const part of process.stdin) {
  parts.push(part);
  bytes += part.length;
  while (bytes >= size) {
    const all = Buffer.concat(parts);
    newest = { number: ++seen, data: all.subarray(0, size) };
    parts = [all.subarray(size)];
    bytes -= size;
    busy ??= answer();
  }
}
await busy;
await session.release();
console.log(`${seen} frames, ${answered} answered`);
