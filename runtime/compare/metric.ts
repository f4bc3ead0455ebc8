/** Which figure ranks. */
import type { Program } from '../../compiler/program/types.js';
import { mixtureOf } from '../data/gaussians.js';
import { readBest } from '../train/best.js';
import type { RankMetric } from './results.js';

/** Figures of points from a mixture of Gaussians, which every training of such data has: modes found, and the share of points near one. */
const MODES: RankMetric = { name: 'modes', tie: 'near' };
const NEAR = 'near';

/** Whether a program's pictures are points of a mixture, whose figures are `modes` and `near`. */
export function hasModes(program: Program): boolean {
  const planar = program.samples.some(({ outputs }) => outputs.every(({ shape }) => shape.length === 1 && shape[0] === 2));
  return planar && program.data !== undefined && mixtureOf(program.data) !== undefined;
}

/** The figures of a program that are one number. */
export function figuresOf(program: Program): string[] {
  const own = (program.metrics?.figures ?? []).filter(({ shape }) => shape.length === 0).map(({ name }) => name);
  return hasModes(program) ? [...own, ...[MODES.name, NEAR].filter((name) => !own.includes(name))] : own;
}

/**
 * The metric of `--metric NAME` or `NAME:low`; without it the first figure of the first program that has one, undefined where none has. Throws RunError where no program has it.
 */
export function rankMetric(text: string | undefined, programs: readonly Program[]): RankMetric | undefined {
  const name = text === undefined ? programs.flatMap(figuresOf)[0] : text.replace(/:low$/, '');
  if (name === undefined || programs.length === 0) return undefined;
  const has = programs.filter((program) => figuresOf(program).includes(name));
  if (has.length === 0) {
    const measured = programs.find(({ metrics }) => metrics !== undefined) ?? programs[0];
    const { metric, lowest } = readBest(text as string, measured);
    return { name: metric, ...(lowest && { lowest }) };
  }
  const lowest = text?.endsWith(':low') === true;
  const own = has.some(({ metrics }) => metrics?.figures.some((figure) => figure.name === name));
  return { name, ...(lowest && { lowest }), ...(!own && !lowest && name === MODES.name && { tie: MODES.tie }) };
}
