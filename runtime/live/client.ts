/**
 * What runs in the page: it hears of parts that have changed and puts them in their place; what was folded open stays so. It asks for nothing else, and makes
 * no markup of its own.
 */
export const CLIENT = `'use strict';
const line = document.getElementById('live');
const say = (state, text) => { line.className = state; line.textContent = text; };
const partsNow = () => [document.querySelector('header'), ...document.querySelectorAll('main > *')];
const folds = () => {
  const seen = new Map();
  return [...document.querySelectorAll('main details')].map((fold) => {
    const title = fold.closest('main > *').querySelector('h2')?.textContent ?? '';
    const nth = seen.get(title) ?? 0;
    seen.set(title, nth + 1);
    return [title + '/' + nth, fold];
  });
};
const put = ({ title, count, parts }) => {
  document.title = title + ' - ganc';
  const open = new Map(folds().map(([key, fold]) => [key, fold.open]));
  const old = partsNow();
  for (let i = 0; i < count; i++) {
    if (parts[i] === undefined) continue;
    const template = document.createElement('template');
    template.innerHTML = parts[i];
    if (old[i] === undefined) document.querySelector('main').append(template.content);
    else old[i].replaceWith(template.content);
  }
  for (const gone of old.slice(count)) gone.remove();
  for (const [key, fold] of folds()) if (open.has(key)) fold.open = open.get(key);
};
const time = () => new Date().toLocaleTimeString();
say('', 'connecting');
const events = new EventSource('events?from=' + document.body.dataset.version);
events.addEventListener('open', () => say('on', 'live: what changes appears by itself'));
events.addEventListener('parts', ({ data }) => {
  const change = JSON.parse(data);
  put(change);
  if (change.trouble === undefined) say('on', 'live: last change at ' + time());
  else say('off', 'cannot be read any more, so what is shown is old: ' + change.trouble);
});
events.addEventListener('other', () => location.reload());
events.addEventListener('error', () => say('off', 'ganc watch has ended, or cannot be reached; what is shown is as of ' + time() + ' and goes on when it is back'));
`;
