/** Numbers, sizes and times as people read them. */

/** `1,489,681`. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `312 B`, `4.0 KiB`, `128 MiB`. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `950`, `1.23 M`, `4.56 G`. */
export function magnitude(value: number): string {
  const units = ['', ' k', ' M', ' G', ' T', ' P'];
  let unit = 0;
  // What would round to 1000 is one of the next unit.
  while (Math.abs(value) >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? String(Math.round(value)) : `${value.toPrecision(3)}${units[unit]}`;
}

/** `0:07`, `12:34`, `1:02:03`. */
export function duration(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** `50 seconds`, `12 minutes`, `2.3 hours`, `5 days`. */
export function roughly(seconds: number): string {
  const units = [
    ['seconds', 1],
    ['minutes', 60],
    ['hours', 3600],
    ['days', 86_400],
  ] as const;
  const [name, size] = units.findLast(([, length]) => seconds >= 1.8 * length) ?? units[0];
  const amount = seconds / size;
  return `${amount < 4 && size > 1 ? amount.toFixed(1) : Math.round(amount)} ${name}`;
}

/** Four digits that count. */
export function figureText(value: number): string {
  if (!Number.isFinite(value) || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size < 1e-3 || size >= 1e5 ? value.toExponential(3) : value.toPrecision(4);
}
