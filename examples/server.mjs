// Answers pictures that are posted with their labels. Requests that come together run together, as
// one batch, which is several times as fast as one run each.
//
//   npm install bitplane sharp
//   node server.mjs MODEL [PORT=8080]
//   curl --data-binary @picture.jpg http://localhost:8080/
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Batcher, BitplaneError, imageToTensor, recipeOf, Session, softmax, topK } from 'bitplane';

const [model, port = '8080'] = process.argv.slice(2);
const MOST_BYTES = 10e6;
const session = await Session.create(model);
const recipe = recipeOf(session);
const [input] = session.inputNames;
const [output] = session.outputNames;
const batcher = new Batcher(session, { maxBatch: 16 });

const server = createServer(async (request, response) => {
  const reply = (status, document) => {
    if (!response.headersSent) response.writeHead(status, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(document)}\n`);
  };
  // A client that leaves takes its picture out of the queue; the others are not held up.
  const left = new AbortController();
  response.on('close', () => left.abort());
  try {
    if (request.method !== 'POST') return reply(405, { error: 'post a picture' });
    const parts = [];
    let size = 0;
    for await (const part of request) {
      size += part.length;
      if (size > MOST_BYTES) return reply(413, { error: `expected at most ${MOST_BYTES} bytes` });
      parts.push(part);
    }
    const image = await imageToTensor(Buffer.concat(parts), recipe, { signal: left.signal });
    const results = await batcher.run({ [input]: image }, { signal: left.signal });
    reply(200, { labels: topK(softmax(results[output]), 5, recipe.labels) });
  } catch (error) {
    if (left.signal.aborted) return;
    // What the caller can mend is his; everything else is ours, and goes to the log.
    const theirs =
      error instanceof BitplaneError && ['ERR_FORMAT', 'ERR_LIMIT'].includes(error.code);
    if (!theirs) console.error(error);
    reply(theirs ? 400 : 500, { error: theirs ? error.message : 'the picture was not classified' });
  }
});

server.listen(Number(port));
await once(server, 'listening');
console.log(`http://localhost:${server.address().port}/`);

// On SIGTERM what has begun still ends, as rolling deployments expect.
process.once('SIGTERM', () => {
  server.close(async () => {
    await batcher.close();
    await session.release();
  });
  server.closeIdleConnections();
});
