/** Judges and metrics: GAN4037 and on. */
import { meant, names, type Problem } from './words.js';

export const judgeFields = (judge: string, known: readonly string[]): Problem => ({
  code: 'GAN4037',
  message: `judge \`${judge}\` does not say which class fields it learns`,
  help: `write \`judge ${judge}(x) -> {${known.join(', ') || 'label'}} { ... }\``,
});
export const notAClass = (field: string, known: readonly string[]): Problem => ({
  code: 'GAN4038',
  message: `a judge learns class fields of the data, and \`${field}\` is none`,
  help: meant(field, known) ?? (known.length > 0 ? `the class fields are ${names(known)}` : 'the data has no field of type class[n]'),
});
export const judgeInput = (judge: string, param: string, fields: readonly string[]): Problem => ({
  code: 'GAN4039',
  message: `judge \`${judge}\` learns from real rows, and the data has no field \`${param}\``,
  help: meant(param, fields) ?? (fields.length > 0 ? `its parameters are named after fields: ${names(fields)}` : 'a judge needs a `data` block'),
});
export const judgeCalls = (judge: string, net: string): Problem => ({
  code: 'GAN4040',
  message: `judge \`${judge}\` calls net \`${net}\`, whose weights are moved by the game`,
  help: `a judge is apart from the game: make \`${net}\` a block, so that each use has weights of its own`,
});
export const judgeScores = (judge: string, field: string, classes: number | undefined, found: string): Problem => ({
  code: 'GAN4041',
  message: `judge \`${judge}\` is to give ${classes === undefined ? 'a score for each class' : `${classes} scores`} of \`${field}\`, and gives ${found}`,
  help: `end with \`linear(${classes ?? 10})\`, or a record: \`{ ${field}: h |> linear(${classes ?? 10}) }\``,
});
export const judgeInGame = (judge: string): Problem => ({
  code: 'GAN4042',
  message: `\`${judge}\` is a judge, and the game calls it`,
  help: 'judges are for metrics; what a player is to learn from is a net',
});
export const metricValue = (metric: string, found: string): Problem => ({
  code: 'GAN4043',
  message: `a metric is one number or a few, and \`${metric}\` is ${found}`,
  help: 'average over examples: `E[...]`, or reduce with `axis: batch`',
});
export const comparedOutside = (): Problem => ({
  code: 'GAN4044',
  message: 'sets of features can only be compared in a metric, over all its examples',
  help: 'in a game, compare within the batch: `feature_matching(real, made)`',
});
export const noFeatures = (what: string): Problem => ({
  code: 'GAN4045',
  message: `features are a vector for each example, or several, and this is ${what}`,
  help: '`flatten` what is no vector; what is reduced over the examples already cannot be compared',
});
export const featuresDiffer = (real: number, made: number): Problem => ({
  code: 'GAN4046',
  message: `features of both sets are of one length, and these are of ${real} and of ${made}`,
  help: 'take both from the same judge',
});
export const tooManyFeatures = (found: number, most: number): Problem => ({
  code: 'GAN4047',
  message: `sets of features are compared on the host, and ${found} numbers an example are too many`,
  label: `more than ${most}`,
  help: 'take features from a later layer, or `global_average_pool` them',
});
