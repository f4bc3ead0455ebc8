#!/usr/bin/env node
/** The door: checks the age of Node before anything else is loaded, then hands over. */
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 11)) {
  process.stderr.write(`ganc needs Node.js 20.11 or later; this is ${process.versions.node}. See https://nodejs.org/en/download\n`);
  process.exit(3);
}
const { main } = await import('./ganc.js');
await main(process.argv);

export {};
