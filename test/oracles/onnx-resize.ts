/** ONNX's Resize: positions by its formulas, values by `resample` along each axis. */
import { axisFrom, type Call, Inexpressible, listText, literal, numbers, type Operator } from './call.js';

/** What one axis becomes. `scaled` is the length times the factor, not always whole. */
interface Axis {
  readonly length: number;
  readonly size: number;
  readonly factor: number;
  readonly scaled: number;
  /** Of `tf_crop_and_resize`. */
  readonly region: readonly [number, number];
}

const positions: Readonly<Record<string, (i: number, axis: Axis) => number>> = {
  half_pixel: (i, { factor }) => (i + 0.5) / factor - 0.5,
  half_pixel_symmetric: (i, { length, size, factor, scaled }) => (length / 2) * (1 - size / scaled) + (i + 0.5) / factor - 0.5,
  pytorch_half_pixel: (i, { factor, scaled }) => (scaled > 1 ? (i + 0.5) / factor - 0.5 : 0),
  align_corners: (i, { length, scaled }) => (scaled === 1 ? 0 : (i * (length - 1)) / (scaled - 1)),
  asymmetric: (i, { factor }) => i / factor,
  tf_crop_and_resize: (i, { length, size, region: [start, end] }) =>
    size > 1 ? start * (length - 1) + (i * (end - start) * (length - 1)) / (size - 1) : 0.5 * (start + end) * (length - 1),
};

const roundings: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

function axesOf(call: Call): Map<number, Axis> {
  const shape = call.shape(0);
  const given = numbers(
    call.attribute(
      'axes',
      shape.map((_, i) => i),
    ),
  ).map((a) => axisFrom(a, shape.length));
  const region = call.has(1) && call.values(1).length > 0 ? call.values(1) : [];
  const scales = call.has(2) && call.values(2).length > 0 ? call.values(2) : undefined;
  const sizes = scales ? [] : call.values(3);
  const policy = call.attribute('keep_aspect_ratio_policy', 'stretch');
  const ratios = scales ?? sizes.map((size, i) => size / shape[given[i]]);
  const common = policy === 'not_larger' ? Math.min(...ratios) : policy === 'not_smaller' ? Math.max(...ratios) : undefined;
  return new Map(
    given.map((at, i) => {
      const length = shape[at];
      const factor = common ?? ratios[i];
      const size = scales ? Math.floor(length * factor) : common === undefined ? sizes[i] : Math.floor(length * factor + 0.5);
      return [at, { length, size, factor, scaled: length * factor, region: [region[i] ?? 0, region[i + given.length] ?? 1] }];
    }),
  );
}

export const resized: Operator = (call) => {
  if (call.opset < 11) throw new Inexpressible('the older form of Resize');
  const mode = call.attribute('mode', 'nearest');
  const by = call.attribute('coordinate_transformation_mode', 'half_pixel');
  const antialias = call.attribute('antialias', 0) === 1;
  const rounding = roundings[call.attribute('nearest_mode', 'round_prefer_floor')];
  let result = call.x(0);
  for (const [at, axis] of axesOf(call)) {
    if (axis.size === axis.length && axis.factor === 1 && by !== 'tf_crop_and_resize') continue;
    const exact = Array.from({ length: axis.size }, (_, i) => positions[by](i, axis));
    if (by === 'tf_crop_and_resize' && exact.some((p) => p < 0 || p > axis.length - 1)) throw new Inexpressible('a value for what lies outside');
    const places = mode === 'nearest' ? exact.map(rounding) : exact;
    const wider = antialias && axis.factor < 1 ? `, stretch: ${1 / axis.factor}` : '';
    const settings = `mode: "${mode}", a: ${literal(call.attribute('cubic_coeff_a', -0.75))}, exclude_outside: ${call.attribute('exclude_outside', 0) === 1}`;
    result = `resample(${result}, ${listText(places)}, axis: ${at}, ${settings}${wider})`;
  }
  return result;
};
