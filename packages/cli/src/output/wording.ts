/** `10,000`. Without Intl.NumberFormat, because creating one takes longer than the rest of the program's start. */
export function count(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

/** `2,940 credits ($29.40)`: a credit has a list value of one US cent. */
export function credits(value: number): string {
  const cents = String(value % 100).padStart(2, '0');
  return `${count(value)} ${value === 1 ? 'credit' : 'credits'} ($${count(Math.floor(value / 100))}.${cents})`;
}

/** `1 video`, `60 videos`. */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${value === 1 ? noun : `${noun}s`}`;
}

/** `45s`, `3m10s`, `2h05m`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const two = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3_600)}h${two(Math.floor((seconds % 3_600) / 60))}m`;
}

/** `2026-11-20 14:03 UTC (3 days ago)`. */
export function dated(iso: string, nowMs: number): string {
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return iso;
  const minutes = Math.floor((nowMs - at) / 60_000);
  const ago =
    minutes < 1
      ? 'just now'
      : minutes < 60
        ? `${plural(minutes, 'minute')} ago`
        : minutes < 48 * 60
          ? `${plural(Math.floor(minutes / 60), 'hour')} ago`
          : `${plural(Math.floor(minutes / 1_440), 'day')} ago`;
  return `${moment(iso)} UTC (${ago})`;
}

/** `2026-11-20T14:03:09.000Z`, from milliseconds since 1970. */
export function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** `2026-11-20 14:03:09`. */
export function moment(iso: string): string {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? iso : at.toISOString().slice(0, 19).replace('T', ' ');
}

/** `1.2 MB`. */
export function bytes(value: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let size = value;
  let unit = 0;
  while (size >= 1_000 && unit < units.length - 1) {
    size /= 1_000;
    unit += 1;
  }
  return unit === 0 ? `${count(value)} bytes` : `${size.toFixed(1)} ${units[unit] ?? ''}`;
}
