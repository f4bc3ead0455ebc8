#!/usr/bin/env node
/** The door: checks the age of Node before anything else is loaded, then hands over. */
import { setFlagsFromString } from 'node:v8';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 11)) {
  process.stderr.write(`ganc needs Node.js 20.11 or later; this is ${process.versions.node}. See https://nodejs.org/en/download\n`);
  process.exit(3);
}
// V8 begins to optimize a function after so many bytes of its code have run. A compiler runs for half a second, in which most of that work is not won back:
// with a later beginning it is a quarter faster.
setFlagsFromString('--interrupt-budget=500000');
const { main } = await import('./ganc.js');
await main(process.argv);
