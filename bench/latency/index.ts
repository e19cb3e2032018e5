/**
 * The cost of a run beside its arithmetic: the round trip of a one-op program, the first round trip
 * after a pause, the CPU time of an open session that does nothing, and how late timers fire while
 * 200 runs are in flight.
 */
import { inChild } from '../child.js';
import type { Row, Workload } from '../report.js';
import type { Latency } from './child.js';

export const latency: Workload = {
  name: 'latency',
  async rows(): Promise<Row[]> {
    const measured = await inChild<Latency>(new URL('./child.js', import.meta.url));
    return [
      {
        what: 'one-op run(), awaited back to back, median',
        value: measured.backToBackUs,
        unit: 'us',
        goal: { max: 25 },
        note: `p99 ${measured.backToBackP99Us.toFixed(0)} us`,
      },
      {
        what: 'the first after 10 ms idle, median',
        value: measured.afterIdleUs,
        unit: 'us',
        goal: { max: 100 },
        note: `p90 ${measured.afterIdleP90Us.toFixed(0)} us`,
      },
      {
        what: 'CPU time of an idle session, per second',
        value: measured.idleCpuUs,
        unit: 'us',
        // Zero, within the CPU time that an idle Node spends from one second to the next.
        goal: { max: Math.max(200, Math.round(2 * measured.baselineCpuUs)) },
        note: `Node without a session ${measured.baselineCpuUs.toFixed(0)} us`,
      },
      {
        what: 'timer lag while 200 runs are in flight',
        value: measured.timerLagMs,
        unit: 'ms',
        goal: { max: 10 },
        note: `${measured.inFlightMs.toFixed(0)} ms of work`,
      },
    ];
  },
};
