/**
 * A session for the length of a command. Not here: what the command does with it.
 */
import { Session } from '../formats/session.js';
import type { Io } from './io.js';
import { openModel } from './open-model.js';
import { type SessionFlags, toSessionOptions } from './options.js';

/** Opens `model`, runs `use`, and releases the session whatever happens. */
export async function withSession<T>(
  model: string,
  flags: SessionFlags,
  io: Io,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const session = Session.fromGraph(await openModel(model, flags, io), toSessionOptions(flags));
  try {
    return await use(session);
  } finally {
    await session.release();
  }
}
