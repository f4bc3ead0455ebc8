/** Fields of data that another row gives or that may be absent: GAN405x. */
import { names, type Problem } from './words.js';

export const notAField = (callee: string, what: string, fields: readonly string[]): Problem => ({
  code: 'GAN4050',
  message: `\`${callee}\` takes fields of the data, and this is ${what}`,
  label: 'not a field',
  help: fields.length > 0 ? `the fields are ${names(fields)}` : 'this spec has no data',
});
export const presentOfComputed = (field: string): Problem => ({
  code: 'GAN4051',
  message: `this is computed from \`${field}\`, which is optional, and is not the field itself`,
  label: 'present or not?',
  help: `write \`present(${field})\`, or hand that number over beside the value`,
});
export const absentShare = (share: number): Problem => ({
  code: 'GAN4052',
  message: `\`optional\` says in which share of the examples the field is absent, and this is ${share}`,
  help: 'a number from 0 to below 1, such as `optional 0.2`',
});
