/** Round numbers for axes. */

/** About `wanted` multiples of 1, 2 or 5 times a power of ten within low..high. */
export function ticks(low: number, high: number, wanted = 5): number[] {
  if (!(high > low)) return [low];
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((m) => m * power >= rough * 0.999) ?? 10);
  const list: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) list.push(i * step);
  return list;
}

/** A tick's number, without the noise of binary fractions. */
export function tickText(value: number): string {
  const text = String(Number(value.toPrecision(6)));
  return text === '-0' ? '0' : text;
}
