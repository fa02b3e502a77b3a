// Any other task: its answer as a table.

import { h, put } from './dom.js';
import { post } from './core.js';

export const auto = true;

export function create(context) {
  const node = h('div.answer');
  return {
    node,
    async ask(payload, signal) {
      const path = `${context.path}/${context.task}`;
      const { response, about } = await post(path, payload, signal);
      const body = await response.json();
      put(node, h('div.scroll', { tabIndex: 0, role: 'group', ariaLabel: 'Answer' }, table(body)));
      return { path, payload, body, about: about(), sentence: 'The answer is in the table.' };
    },
  };
}

function table(value) {
  return h('table', h('tbody', Object.entries(value).map(([name, each]) => h('tr',
    h('th', { scope: 'row' }, name), h('td', cell(each))))));
}

function cell(value) {
  if (value === null || typeof value !== 'object') return String(value);
  const plain = Array.isArray(value) && value.every((each) => each === null || typeof each !== 'object');
  return plain ? value.slice(0, 64).join(', ') + (value.length > 64 ? ` … (${value.length})` : '') : table(value);
}
