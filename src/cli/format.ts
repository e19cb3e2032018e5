/**
 * Numbers as people read them: three significant digits, the unit after a space. JSON output
 * carries the plain numbers.
 */

export function count(value: number): string {
  return scaled(value, 1000, ['', 'k', 'M', 'G', 'T']);
}

export function bytes(value: number): string {
  return scaled(value, 1024, ['B', 'KiB', 'MiB', 'GiB']);
}

export function microseconds(us: number): string {
  if (us < 1000) return `${three(us)} us`;
  return us < 1e6 ? `${three(us / 1000)} ms` : `${three(us / 1e6)} s`;
}

/** 12 s, 3 min 5 s, 2 h 10 min: whole seconds, rounded up. */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** 12.3, 123 and 1,235: never an exponent. */
export function three(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.min(digits, 6) });
}

export function percent(value: number): string {
  return `${value.toFixed(2)} %`;
}

function scaled(value: number, step: number, units: readonly string[]): string {
  let unit = 0;
  let rest = value;
  while (rest >= step && unit < units.length - 1) {
    rest /= step;
    unit++;
  }
  return `${unit === 0 ? String(Math.round(rest)) : three(rest)} ${units[unit]}`.trimEnd();
}
