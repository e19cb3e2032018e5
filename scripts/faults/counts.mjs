/** What every sweep of planted faults counts. Not here: the faults. */
export const noCounts = () => ({
  swept: 0,
  right: 0,
  refused: 0,
  documented: 0,
  crashes: 0,
  hangs: 0,
  wrong: 0,
  leftovers: 0,
});
