/** Ctrl-C during a training that can go on. */
import { BitplaneError } from '../core/errors.js';

/** Ctrl-C ends the step in progress; the last whole epoch is in the checkpoint. */
export function stopOnInterrupt(): { readonly signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  const abort = () =>
    controller.abort(
      new BitplaneError('ERR_ABORTED', 'training was interrupted; --resume goes on'),
    );
  process.once('SIGINT', abort);
  return {
    signal: controller.signal,
    end: () => process.removeListener('SIGINT', abort),
  };
}
