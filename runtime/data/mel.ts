/**
 * Sound as rows of a log-mel spectrogram, one for each frame of a clip.
 *
 * Row i is made of the samples of frame i's stretch alone, so that what is heard shows in the frame in which it happens. The stretch goes through a
 * cosine-tapered (Tukey) window, a twentieth of it at each end, and its power spectrum, scaled so that the bins of a row add up to the mean square of
 * the windowed samples (Parseval; Welch 1967). `bands` triangles gather the bins; their centres are evenly spaced on the scale
 * mel(f) = 2595 log10(1 + f / 700) (O'Shaughnessy 1987, as in HTK's book, section 5.4) from 0 to half the rate, each reaches to the centres
 * beside its own, and is 1 at its own. A band of power p becomes 1 + log10(max(p, 1e-8)) / 4: silence is -1, the power 1 is 1.
 */
import FFT from 'fft.js';
import { DataError } from './error.js';

/** What makes two spectrograms of the same samples differ: part of a cache's name. */
export const MEL = 'log-mel/1';
/** Power below which all is silence: 80 dB under 1. */
const FLOOR = 1e-8;
/** Share of the window in which it rises, and in which it falls. */
const TAPER = 1 / 20;
const FEWEST_SAMPLES = 16;
const LARGEST_FFT = 2 ** 16;

export interface MelShape {
  readonly frames: number;
  readonly bands: number;
}

/**
 * Row-major [frames, bands] of mono `samples` (about -1..1, `rate` a second) whose first `seconds` are the clip; samples that are missing are silence.
 * Throws DataError where a frame has too few samples to be told apart by pitch, or more than 65,536.
 */
export function logMel(samples: Float32Array, rate: number, shape: MelShape, seconds: number): Float32Array {
  const { frames, bands } = shape;
  const stretch = (rate * seconds) / frames;
  if (!(stretch >= FEWEST_SAMPLES && stretch <= LARGEST_FFT))
    throw new DataError(
      `${seconds} seconds of sound cannot be made into ${frames} rows`,
      `at ${rate} samples a second a row has ${Number(stretch.toFixed(2))} samples, where ${FEWEST_SAMPLES} to ${LARGEST_FFT} are possible`,
    );
  const bank = melBank(rate, bands, Math.ceil(stretch));
  const fft = new FFT(bank.size);
  const spectrum = fft.createComplexArray();
  const input = new Array<number>(bank.size);
  const rows = new Float32Array(frames * bands);
  for (let frame = 0; frame < frames; frame++) {
    const from = Math.round(frame * stretch);
    const length = Math.round((frame + 1) * stretch) - from;
    const window = tukey(length);
    input.fill(0);
    let weight = 0;
    for (let i = 0; i < length; i++) {
      input[i] = (samples[from + i] ?? 0) * window[i];
      weight += window[i] ** 2;
    }
    fft.realTransform(spectrum, input);
    // The bins of negative frequencies mirror those of positive ones.
    const scale = 2 / (bank.size * weight);
    for (let band = 0; band < bands; band++) {
      const { first, weights } = bank.bands[band];
      let power = 0;
      for (let i = 0; i < weights.length; i++) power += weights[i] * (spectrum[2 * (first + i)] ** 2 + spectrum[2 * (first + i) + 1] ** 2);
      rows[frame * bands + band] = 1 + Math.log10(Math.max(scale * power, FLOOR)) / 4;
    }
  }
  return rows;
}

/**
 * A sound whose rows are about these: in each band a tone at its centre, which its neighbours do not hear, of the power that the row says. `rate` samples a
 * second, `seconds` in all; what is at the floor is silent.
 */
export function soundOfMel(rows: ArrayLike<number>, rate: number, { frames, bands }: MelShape, seconds: number): Float32Array {
  const samples = new Float32Array(Math.round(rate * seconds));
  const stretch = samples.length / frames;
  for (const [band, centre] of melCentres(rate, bands).entries()) {
    // A sine of amplitude a has the power a^2 / 2.
    const loudness = Float64Array.from({ length: frames }, (_, frame) => {
      const power = 10 ** (4 * (rows[frame * bands + band] - 1));
      return power > FLOOR ? Math.sqrt(2 * power) : 0;
    });
    for (let i = 0; i < samples.length; i++) {
      const frame = Math.min(frames - 1, Math.floor(i / stretch));
      // Each frame's tone swells and fades within its own stretch, where the window of `logMel` is low.
      const edge = Math.min(i + 0.5 - frame * stretch, (frame + 1) * stretch - i - 0.5) / (TAPER * stretch);
      samples[i] += loudness[frame] * Math.min(1, Math.max(0, edge)) * Math.sin((2 * Math.PI * centre * i) / rate + band);
    }
  }
  return samples;
}

/** Centre of each band in Hz. */
export function melCentres(rate: number, bands: number): number[] {
  const most = mel(rate / 2);
  return Array.from({ length: bands }, (_, band) => hertz((most * (band + 1)) / (bands + 1)));
}

interface Bank {
  /** Points of the transform. */
  readonly size: number;
  /** The bins under each triangle, from `first` on. */
  readonly bands: readonly { readonly first: number; readonly weights: Float64Array }[];
}

/** The narrowest band has at least two bins on each side of its centre, so that none is empty. */
function melBank(rate: number, bands: number, samples: number): Bank {
  const corners = [0, ...melCentres(rate, bands), rate / 2];
  const wanted = Math.max(samples, (2 * rate) / corners[1]);
  const size = Math.min(LARGEST_FFT, 2 ** Math.ceil(Math.log2(wanted)));
  return {
    size,
    bands: corners.slice(1, -1).map((centre, band) => {
      const [low, high] = [corners[band], corners[band + 2]];
      const first = Math.ceil((low * size) / rate);
      const last = Math.min(Math.floor((high * size) / rate), size / 2);
      return {
        first,
        weights: Float64Array.from({ length: last - first + 1 }, (_, i) => {
          const at = ((first + i) * rate) / size;
          return Math.max(0, at <= centre ? (at - low) / (centre - low) : (high - at) / (high - centre));
        }),
      };
    }),
  };
}

function mel(frequency: number): number {
  return 2595 * Math.log10(1 + frequency / 700);
}

function hertz(mels: number): number {
  return 700 * (10 ** (mels / 2595) - 1);
}

/** Sampled between the samples' borders, so that it is the same from both ends and nowhere zero. */
function tukey(length: number): Float64Array {
  const rise = TAPER * length;
  return Float64Array.from({ length }, (_, i) => {
    const edge = Math.min(i + 0.5, length - i - 0.5);
    return edge >= rise ? 1 : 0.5 - 0.5 * Math.cos((Math.PI * edge) / rise);
  });
}
