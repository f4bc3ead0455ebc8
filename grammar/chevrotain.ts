/**
 * Chevrotain from its one-file build. The package's entry imports lodash-es, 640 files, which takes several times as long as to check a spec.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const entry = pathToFileURL(createRequire(import.meta.url).resolve('chevrotain'));
const bundle = (await import(new URL('../chevrotain.min.mjs', entry).href)) as typeof import('chevrotain');

export const { createToken, EmbeddedActionsParser, EOF, Lexer, NoViableAltException } = bundle;
