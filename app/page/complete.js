// A text continued: the words appear as they come, and each can be exchanged for another.

import { h, put, button, percent } from './dom.js';
import { events, post } from './core.js';

export const auto = false;

export function create(context) {
  const node = h('div.answer');
  const text = h('p.continued');
  const others = h('div.row', { role: 'group', ariaLabel: 'Other words' });
  const number = (name, given) => h('input', { type: 'number', name, min: 0, ...given });
  const fields = [number('max_words', { min: 1, max: 500, value: 25 }), number('temperature', { max: 5, step: 0.1, value: 0 }), number('seed', { placeholder: 'any' })];
  let running = null;
  const stop = button('Stop', () => running?.abort(), 'plain', { disabled: true });
  node.append(h('p.row', fields.map((field, i) => h('label', ['Words', 'Temperature', 'Seed'][i], ' ', field)), stop),
    text, others, h('p.note', 'Choose a word of the continuation to see what else was likely, and go on from another.'));
  const options = () => Object.fromEntries(fields.filter(({ value }) => value).map(({ name, value }) => [name, +value]));

  /** Continue `payload.text` and the words in `kept`. */
  async function go(payload, signal, kept = []) {
    running?.abort();
    const own = running = new AbortController();
    signal?.addEventListener('abort', () => own.abort());
    const path = `${context.path}/complete`;
    const asked = { text: payload.text + kept.map((word) => word.text).join(''), alternatives: 6, ...options() };
    const sent = { body: JSON.stringify(asked), type: 'application/json' };
    const words = [...kept];
    put(others);
    put(text, payload.text, kept.map(chip));
    stop.disabled = false;
    let last = {};
    try {
      const { response, about } = await post(path, sent, own.signal, { Accept: 'text/event-stream' });
      for await (const [name, data] of events(response)) {
        if (name === 'error') throw new Error(data.detail);
        if (name === 'word') { text.append(chip(data, words.length)); words.push(data); } else last = data;
      }
      return { path, payload: sent, body: { ...last, words: words.slice(kept.length) }, about: about(), sentence: `Continued: ${words.map((word) => word.text).join('')}` };
    } finally {
      if (running === own) stop.disabled = true;
    }

    function chip(word, place) {
      const show = () => choose(word, place);
      return button(word.text, show, 'word', { title: percent(word.probability), style: { '--p': word.probability } });
    }

    function choose(word, place) {
      const before = words.slice(0, place);
      const exchange = (other) => () => context.run(() => go(payload, undefined, [...before, { ...other, text: spaced(other.word), alternatives: word.alternatives }]));
      put(others, h('span', `Instead of “${word.text.trim()}” (${percent(word.probability)}):`),
        (word.alternatives || []).filter((other) => other.word !== word.word).map((other) => button(`${other.word} ${percent(other.probability)}`, exchange(other))));
    }
  }
  return { node, ask: go };
}

/** Marks stand at the word before, words after a space. */
const spaced = (word) => (/^[.,;:!?%)’']/.test(word) ? word : ` ${word}`);
