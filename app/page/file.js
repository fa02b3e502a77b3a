// Any other modality: a file as it is.

import { h, chooser, receive } from './dom.js';

export function create({ changed, signal }) {
  const name = h('p.note', 'No file yet.');
  let payload = null;
  const take = (file) => {
    name.textContent = file.name;
    payload = { body: file, type: file.type || 'application/octet-stream', name: file.name };
    changed(payload);
  };
  const node = h('div.drop', h('p.row', chooser('Choose a file', '', take), 'or drop one here.'), name);
  receive(node, '', take, signal);
  return { node, load: (sample) => take(new File([sample.body], sample.name, { type: sample.type })), payload: () => payload, explain() {} };
}
