// Texts: typed or dropped, with the weight of each word that the model read.

import { h, put, chooser, later, receive, round } from './dom.js';

/** Return the field for a text. `rows` and `wait`: for other views that take texts. */
export function create({ changed, signal, auto }) {
  const field = h('textarea', { id: 'text', rows: 6, spellcheck: false, placeholder: 'Type or paste a text…' });
  const weights = h('div.weights');
  const payload = () => ({ body: field.value, type: 'text/plain', text: field.value });
  const soon = later(() => field.value.trim() && changed(payload()), 300);
  const load = (text) => { field.value = text; if (text.trim()) changed(payload()); };
  const take = async (file) => load(await file.text());
  if (auto) field.addEventListener('input', soon);
  receive(field, 'text', take, signal);
  return {
    node: h('div', h('label', { htmlFor: 'text' }, 'Text'), field,
      h('p.row', chooser('Choose a text file', 'text/*', take)), weights),
    load: async (sample) => load(await sample.body.text()),
    payload: () => (field.value.trim() ? payload() : null),
    explain: (explanation) => put(weights, Array.isArray(explanation) ? shown(field.value, explanation) : null),
  };
}

function shown(text, tokens) {
  const characters = Array.from(text);
  const part = (start, end) => characters.slice(start, end).join('');
  const line = h('p.weighted');
  let place = 0;
  for (const token of tokens) {
    if (token.start === null || token.start < place) continue;
    line.append(part(place, token.start), h('span', {
      style: { '--w': token.weight }, title: `weight ${round(token.weight)}`,
    }, part(token.start, token.end)));
    place = token.end;
  }
  line.append(part(place));
  const heavy = [...tokens].sort((a, b) => b.weight - a.weight).slice(0, 6).filter((token) => token.weight);
  const marks = [...new Set(tokens.filter((token) => token.start === null).map((token) => token.text))];
  return [h('h3', 'What led to the label'), line,
    h('p.note', `Most weight: ${heavy.map((t) => `“${t.text}” ${round(t.weight)}`).join(', ') || 'none'}.`
      + (marks.length ? ` Marks that are not in the text: ${marks.join(', ')}.` : ''))];
}
